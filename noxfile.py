"""Every check of the project is one command: `nox -s` quickstart, tests, lint, types, parity, bench, docs or build.

Each session does its own set-up in `.nox/` and keeps it until a requirement changes.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

import nox

nox.needs_version = ">=2025.2.9"
nox.options.default_venv_backend = "venv"
nox.options.reuse_venv = "yes"
nox.options.sessions = ["lint", "types", "tests"]

ROOT = Path(__file__).parent
PACKAGES = {
    "core": "facula",
    "vision": "facula_vision",
    "text": "facula_text",
    "audio": "facula_audio",
    "lightning": "facula_lightning",
}
SOURCES = [f"packages/{folder}/src" for folder in PACKAGES]
CONSTRAINTS = ROOT / "requirements" / "constraints.txt"
PYPROJECT = nox.project.load_toml(ROOT / "pyproject.toml")
CORE_WHEEL_LIMIT = 1_000_000  # bytes


def group(name: str) -> list[str]:
    """The requirements of one dependency group of pyproject.toml."""
    return nox.project.dependency_groups(PYPROJECT, name)


def editable(*packages: str) -> list[str]:
    """The pip arguments that install packages from this tree, e.g. "core[fast]"; changes in src need no reinstall."""
    return [word for package in packages for word in ("-e", f"packages/{package}")]


def install(session: nox.Session, *requirements: str) -> None:
    """Install with the pinned versions, unless this environment already holds exactly that."""
    files = [CONSTRAINTS, *sorted(ROOT.glob("packages/*/pyproject.toml"))]
    wanted = "\n".join([str(ROOT), *requirements, *(file.read_text() for file in files)])
    stamp = Path(session.virtualenv.location) / "installed.sha256"
    digest = hashlib.sha256(wanted.encode()).hexdigest()
    if stamp.exists() and stamp.read_text() == digest:
        session.log("requirements unchanged since the last run")
        return
    session.install("--constraint", str(CONSTRAINTS), *requirements)
    stamp.write_text(digest)


def beside(session: nox.Session, variable: str, default: str, proof: str) -> Path:
    """A folder that is kept outside this repository; the session is skipped, and says so, where it is absent."""
    folder = Path(os.environ.get(variable, ROOT.parent / "shared" / default)).resolve()
    if not (folder / proof).is_file():
        session.skip(
            f"{session.name}: expected {proof} in {folder}, got no such file. "
            f"Set {variable} to the folder that holds it, or put it there."
        )
    return folder


@nox.session
def quickstart(session: nox.Session) -> None:
    """Train a small network on handwritten digits, export it, quantize it and write a report."""
    install(session, *editable("core[fast,onnx]", "vision", "lightning[plots]"))
    session.run("python", "examples/quickstart.py", *session.posargs)


@nox.session
def tests(session: nox.Session) -> None:
    """Run the tests of all packages, doctests included; arguments go to pytest."""
    install(session, *editable("core[fast,onnx,mpi]", "vision", "text", "audio", "lightning[all]"), *group("test"))
    session.run(
        "python",
        "-m",
        "pytest",
        "--ignore-glob=*_torch.py",
        *(session.posargs or ["-q", "-n", "auto", "--dist", "loadgroup"]),
    )


@nox.session
def lint(session: nox.Session) -> None:
    """Style, format, layers, sizes."""
    install(session, *group("lint"))
    session.run("ruff", "check", "--output-format", "concise", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("lint-imports", "--no-cache", env={"PYTHONPATH": os.pathsep.join(SOURCES)})
    session.run("python", "tools/house.py")


@nox.session
def types(session: nox.Session) -> None:
    """Strict types on the five source trees."""
    install(session, *group("types"))
    session.run("mypy", *session.posargs)


@nox.session
def parity(session: nox.Session) -> None:
    """Compare with torch: the tests that ask it, then the scoreboard against the stored baseline.

    `nox -s parity -- --json tests/parity/baseline.json` stores a new baseline and runs no tests.
    """
    install(
        session, *editable("core[fast,onnx]", "vision", "text", "audio", "lightning"), *group("test"), *group("oracle")
    )
    if not session.posargs:
        folders = [ROOT / "tests", *ROOT.glob("packages/*/tests")]
        files = sorted(str(path.relative_to(ROOT)) for folder in folders for path in folder.rglob("test_*_torch.py"))
        session.run("python", "-m", "pytest", "-q", "-n", "auto", "-p", "tools.torch_warns_always", *files)
    scoreboard = beside(session, "PARITY_DIR", "parity", "__main__.py")
    arguments = session.posargs or ["--failures", "--baseline", "tests/parity/baseline.json"]
    session.run(
        *["python", "-m", scoreboard.name, "all", "--module", "facula", "--jobs", "2", *arguments],
        env={"PYTHONPATH": str(scoreboard.parent), "PYTHONDONTWRITEBYTECODE": "1"},
    )


@nox.session
def bench(session: nox.Session) -> None:
    """Time operators, layers, models and the import side by side with torch; arguments go to the comparison."""
    install(session, *editable("core[fast]"), *group("oracle"))
    session.run("python", "benchmarks/compare.py", *session.posargs)


@nox.session
def docs(session: nox.Session) -> None:
    """Write the reference from the sources, then build the pages; a broken link fails."""
    install(session, *editable(*PACKAGES), *group("docs"))
    session.run("python", "-m", "tools.reference", "docs/reference/generated")
    session.run("mkdocs", *(session.posargs or ["build", "--strict"]), env={"NO_MKDOCS_2_WARNING": "1"})


@nox.session
def build(session: nox.Session) -> None:
    """Build the five wheels, then install and import each alone in a clean environment."""
    install(session, *group("build"))
    dist = ROOT / "dist"
    shutil.rmtree(dist, ignore_errors=True)
    for folder in PACKAGES:
        session.run(
            "python", "-m", "build", "--wheel", "--no-isolation", "--outdir", "dist", f"packages/{folder}", silent=True
        )
    for folder, module in PACKAGES.items():
        (wheel,) = dist.glob(f"{module}-[0-9]*-py3-none-any.whl")
        size = wheel.stat().st_size
        session.log(f"{wheel.name}: {size:,} bytes")
        if folder == "core" and size > CORE_WHEEL_LIMIT:
            session.error(
                f"{wheel.name}: expected at most {CORE_WHEEL_LIMIT:,} bytes, got {size:,}. Leave something out."
            )
        alone(session, wheel, module)


def alone(session: nox.Session, wheel: Path, module: str) -> None:
    """Install one wheel with its dependencies in an environment of its own, and import it."""
    place = Path(session.create_tmp()) / module
    shutil.rmtree(place, ignore_errors=True)
    session.run("python", "-m", "venv", str(place), silent=True)
    python = str(place / ("Scripts" if os.name == "nt" else "bin") / "python")
    pip = [python, "-m", "pip", "--disable-pip-version-check"]
    options = ["--quiet", "--find-links", "dist", "--constraint", str(CONSTRAINTS)]
    session.run(*pip, "install", *options, str(wheel), external=True)
    session.run(*pip, "check", external=True)
    proof = f"import {module}; from pathlib import Path; assert Path({module}.__file__).with_name('py.typed').is_file()"
    session.run(python, "-W", "error", "-c", proof, external=True)
    session.run(python, "-W", "error", "-m", "facula.cli", "plugins", external=True)
    shutil.rmtree(place)
