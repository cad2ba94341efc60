"""Small files in the formats in which datasets are published: `make["cifar10"](folder)` writes what one reads."""

import bz2
import functools
import gzip
import json
import lzma
import operator
import struct

import numpy as np
from PIL import Image

rng = np.random.default_rng(0)


def picture(path, size=(12, 9), mode="RGB"):
    """A picture of noise, in the format that its name says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    shape = (size[1], size[0], 3) if mode == "RGB" else (size[1], size[0])
    Image.fromarray(rng.integers(0, 255, shape, dtype=np.uint8)).save(path)
    return path


def text(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)


def idx(path, array):
    """An IDX file, compressed as its name says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    code = {"uint8": 8, "int32": 12}[array.dtype.name]
    content = struct.pack(f">HBB{array.ndim}I", 0, code, array.ndim, *array.shape)
    content += array.astype(array.dtype.newbyteorder(">")).tobytes()
    pack = {".gz": gzip.compress, ".xz": lzma.compress}.get(path.suffix, bytes)
    path.write_bytes(pack(content))


def python2(value):
    """The bytes of an object as Python 2 wrote them: text and bytes are one kind."""
    if isinstance(value, dict):
        return b"}(" + b"".join(python2(k) + python2(v) for k, v in value.items()) + b"u"
    if isinstance(value, list):
        return b"](" + b"".join(map(python2, value)) + b"e"
    if isinstance(value, tuple):
        return b"(" + b"".join(map(python2, value)) + b"t"
    if isinstance(value, bool):
        return b"\x88" if value else b"\x89"
    if value is None:
        return b"N"
    if isinstance(value, int):
        return b"J" + struct.pack("<i", value)
    if isinstance(value, np.ndarray):
        kind = b"cnumpy\ndtype\n" + python2(("u1", 0, 1)) + b"R" + python2((3, "|", None, None, None, -1, -1, 0)) + b"b"
        state = python2(1) + python2(value.shape) + kind + python2(False) + python2(value.tobytes())
        start = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n" + python2((0,)) + python2("b") + b"tR("
        return start + state + b"tb"
    data = value.encode() if isinstance(value, str) else value
    return b"T" + struct.pack("<i", len(data)) + data


def batch(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"\x80\x02" + python2(content) + b".")


def cifar10(root):
    base = root / "cifar-10-batches-py"
    for number, name in enumerate([*(f"data_batch_{n}" for n in range(1, 6)), "test_batch"]):
        data = rng.integers(0, 255, (2, 3072), dtype=np.uint8)
        batch(base / name, {"data": data, "labels": [number, 9 - number], "batch_label": name})
    batch(base / "batches.meta", {"label_names": [f"class{n}" for n in range(10)], "num_vis": 3072})


def cifar100(root):
    base = root / "cifar-100-python"
    for name in ("train", "test"):
        data = rng.integers(0, 127, (3, 3072), dtype=np.uint8)
        batch(base / name, {"data": data, "fine_labels": [5, 99, 0], "coarse_labels": [1, 2, 3]})
    batch(base / "meta", {"fine_label_names": [f"fine{n}" for n in range(100)], "coarse_label_names": ["a"]})


def mnist_like(folder, part_names, count=6):
    for images, labels in part_names:
        idx(folder / images, rng.integers(0, 255, (count, 28, 28), dtype=np.uint8))
        idx(folder / labels, (np.arange(count) % 10).astype(np.uint8))


def emnist(root):
    base = root / "EMNIST" / "raw"
    for split in ("letters", "balanced"):
        for part in ("train", "test"):
            mnist_like(base, [(f"emnist-{split}-{part}-images-idx3-ubyte", f"emnist-{split}-{part}-labels-idx1-ubyte")])


def kmnist(root):
    base = root / "KMNIST" / "raw"
    mnist_like(base, [(f"{part}-images-idx3-ubyte", f"{part}-labels-idx1-ubyte") for part in ("train", "t10k")])


def qmnist(root):
    base = root / "QMNIST" / "raw"
    for name, count, ending in (("qmnist-train", 4, ""), ("qmnist-test", 5, ""), ("xnist", 3, "")):
        idx(base / f"{name}-images-idx3-ubyte{ending}", rng.integers(0, 255, (count, 28, 28), dtype=np.uint8))
        idx(base / f"{name}-labels-idx2-int{ending}", rng.integers(0, 10, (count, 8)).astype(np.int32))


def svhn(root):
    from scipy.io import savemat

    pixels = rng.integers(0, 255, (32, 32, 3, 4), dtype=np.uint8)
    savemat(root / "train_32x32.mat", {"X": pixels, "y": np.array([[1], [10], [5], [9]], dtype=np.uint8)})


def flowers(root):
    from scipy.io import savemat

    base = root / "flowers-102"
    for number in range(1, 7):
        picture(base / "jpg" / f"image_{number:05d}.jpg")
    savemat(base / "imagelabels.mat", {"labels": np.array([[102, 1, 7, 7, 8, 9]], dtype=np.uint8)})
    savemat(base / "setid.mat", {"trnid": [[2, 4]], "valid": [[6]], "tstid": [[1, 3, 5]]})


def stl10(root):
    base = root / "stl10_binary"
    base.mkdir()
    for part, count in (("train", 4), ("test", 2), ("unlabeled", 3)):
        rng.integers(0, 255, (count, 3, 96, 96), dtype=np.uint8).tofile(base / f"{part}_X.bin")
        if part != "unlabeled":
            (np.arange(count) + 1).astype(np.uint8).tofile(base / f"{part}_y.bin")
    text(base / "class_names.txt", "airplane\nbird\ncar\ncat\n")
    text(base / "fold_indices.txt", "".join(f"{n % 4} {(n + 1) % 4}\n" for n in range(10)))


def pets(root):
    base = root / "oxford-iiit-pet"
    rows = [("Abyssinian_1", 1, 1), ("american_bulldog_7", 2, 2), ("Abyssinian_3", 1, 1)]
    for name, _, _ in rows:
        picture(base / "images" / f"{name}.jpg")
        picture(base / "annotations" / "trimaps" / f"{name}.png", mode="L")
    text(base / "annotations" / "trainval.txt", "".join(f"{n} {c} {b} 1\n" for n, c, b in rows))


def caltech101(root):
    from scipy.io import savemat

    base = root / "caltech101"
    for category, outlines, count in (("Faces", "Faces_2", 2), ("ant", "ant", 1), ("BACKGROUND_Google", "", 1)):
        for number in range(1, count + 1):
            picture(base / "101_ObjectCategories" / category / f"image_{number:04d}.jpg")
            if outlines:
                (base / "Annotations" / outlines).mkdir(parents=True, exist_ok=True)
                outline = rng.random((2, 5))
                savemat(base / "Annotations" / outlines / f"annotation_{number:04d}.mat", {"obj_contour": outline})


def caltech256(root):
    for label, category in enumerate(("001.ak47", "002.american-flag"), 1):
        for number in range(1, 3):
            picture(root / "caltech256" / "256_ObjectCategories" / category / f"{label:03d}_{number:04d}.jpg")


ANNOTATION = """<annotation><folder>VOC2012</folder><filename>2007_1.jpg</filename>
<source><database>The VOC2007 Database</database></source><size><width>12</width><height>9</height><depth>3</depth></size>
{objects}</annotation>"""
OBJECT = """<object><name>{name}</name><pose>Left</pose><bndbox><xmin>1</xmin><ymin>2</ymin><xmax>{x}</xmax><ymax>8</ymax>
</bndbox></object>"""


def voc(root):
    base = root / "VOCdevkit" / "VOC2012"
    for name, objects in (("2007_1", ["dog", "person"]), ("2007_2", ["car"])):
        picture(base / "JPEGImages" / f"{name}.jpg")
        picture(base / "SegmentationClass" / f"{name}.png", mode="L")
        listed = "".join(OBJECT.format(name=kind, x=5 + n) for n, kind in enumerate(objects))
        text(base / "Annotations" / f"{name}.xml", ANNOTATION.format(objects=listed))
    for folder in ("Main", "Segmentation"):
        text(base / "ImageSets" / folder / "train.txt", "2007_1\n2007_2\n")


def coco(root):
    for number in (7, 3):
        picture(root / "images" / f"{number:04d}.jpg")
    box = [1.0, 2.0, 5.0, 4.0]
    square = [[1.0, 2.0, 6.0, 2.0, 6.0, 6.0, 1.0, 6.0]]
    annotations = [
        {"id": 1, "image_id": 7, "bbox": box, "category_id": 2, "area": 20.0, "iscrowd": 0, "segmentation": square},
        {
            "id": 2,
            "image_id": 7,
            "bbox": [0, 0, 3, 3],
            "category_id": 1,
            "area": 9.0,
            "iscrowd": 0,
            "segmentation": square,
        },
    ]
    images = [{"id": n, "file_name": f"{n:04d}.jpg", "height": 9, "width": 12} for n in (7, 3)]
    text(
        root / "instances.json",
        json.dumps(
            {
                "images": images,
                "annotations": annotations,
                "categories": [{"id": 1, "name": "a"}, {"id": 2, "name": "b"}],
            }
        ),
    )
    captions = [{"id": n, "image_id": 7, "caption": f"a caption {n}"} for n in (1, 2)]
    text(root / "captions.json", json.dumps({"images": images, "annotations": captions}))


def celeba(root):
    base = root / "celeba"
    names = [f"{n:06d}.jpg" for n in range(1, 5)]
    for name in names:
        picture(base / "img_align_celeba" / name)
    text(
        base / "list_eval_partition.txt", "".join(f"{n} {part}\n" for n, part in zip(names, (0, 2, 0, 1), strict=False))
    )
    text(base / "identity_CelebA.txt", "".join(f"{n} {i * 7}\n" for i, n in enumerate(names)))
    text(base / "list_attr_celeba.txt", "4\nBald Young\n" + "".join(f"{n}  1 -1\n" for n in names))
    text(
        base / "list_bbox_celeba.txt",
        "4\nimage_id x_1 y_1 width height\n" + "".join(f"{n}    1  2  5  4\n" for n in names),
    )
    text(base / "list_landmarks_align_celeba.txt", "4\nlefteye_x lefteye_y\n" + "".join(f"{n} 3 4\n" for n in names))


def lfw(root):
    base = root / "lfw-py"
    for name, count in (("Ann_Lee", 2), ("Bob_Ray", 1)):
        for number in range(1, count + 1):
            picture(base / "lfw_funneled" / name / f"{name}_{number:04d}.jpg")
    text(base / "lfw-names.txt", "Ann_Lee\t2\nBob_Ray\t1\n")
    text(base / "people.txt", "2\n1\nAnn_Lee\t2\n1\nBob_Ray\t1\n")
    text(base / "peopleDevTrain.txt", "2\nAnn_Lee\t2\nBob_Ray\t1\n")
    text(base / "pairs.txt", "1\t1\nAnn_Lee\t1\t2\nAnn_Lee\t1\tBob_Ray\t1\n")
    text(base / "pairsDevTrain.txt", "1\nAnn_Lee\t1\t2\nAnn_Lee\t2\tBob_Ray\t1\n")


def food101(root):
    base = root / "food-101"
    listed = {"pizza": ["pizza/1", "pizza/2"], "apple_pie": ["apple_pie/9"]}
    for name in functools.reduce(operator.iadd, listed.values(), []):
        picture(base / "images" / f"{name}.jpg")
    text(base / "meta" / "train.json", json.dumps(listed))


def dtd(root):
    base = root / "dtd" / "dtd"
    names = ["banded/banded_1.jpg", "dotted/dotted_2.jpg", "banded/banded_3.jpg"]
    for name in names:
        picture(base / "images" / name)
    text(base / "labels" / "train1.txt", "\n".join(names) + "\n")


def aircraft(root):
    data = root / "fgvc-aircraft-2013b" / "data"
    for number in ("0001", "0002"):
        picture(data / "images" / f"{number}.jpg")
    text(data / "families.txt", "A300\nBoeing 737\n")
    text(data / "images_family_trainval.txt", "0001 Boeing 737\n0002 A300\n")


def gtsrb(root):
    base = root / "gtsrb"
    for label in ("00000", "00014"):
        picture(base / "GTSRB" / "Training" / label / "0.ppm")
    picture(base / "GTSRB" / "Final_Test" / "Images" / "00000.ppm")
    text(base / "GT-final_test.csv", "Filename;Width;Height;ClassId\n00000.ppm;12;9;16\n")


def folders(root, base, splits, labels=("aa", "bb"), name="1.jpg"):
    for split in splits:
        for label in labels:
            picture(root / base / split / label / name)


def usps(root):
    rows = ["{} {}\n".format(n, " ".join(f"{k}:{(k % 7) / 3.5 - 1:.3f}" for k in range(1, 257))) for n in (1, 10)]
    (root / "usps.bz2").write_bytes(bz2.compress("".join(rows).encode()))


def semeion(root):
    rows = [[*rng.integers(0, 2, 256), *np.eye(10, dtype=int)[n]] for n in (3, 7)]
    text(
        root / "semeion.data",
        "\n".join(" ".join(f"{v:.4f}" if k < 256 else str(v) for k, v in enumerate(r)) for r in rows),
    )


def sun397(root):
    base = root / "SUN397"
    for name in ("a/abbey/sun_1.jpg", "b/bar/indoor/sun_2.jpg", "a/abbey/sun_3.jpg"):
        picture(base / name)
    text(base / "ClassName.txt", "/a/abbey\n/b/bar/indoor\n")


def clevr(root):
    base = root / "clevr" / "CLEVR_v1.0"
    for part in ("train", "test"):
        for number in (0, 1):
            picture(base / "images" / part / f"CLEVR_{part}_{number:06d}.png")
    scenes = [{"image_filename": f"CLEVR_train_{n:06d}.png", "objects": [{}] * (n + 3)} for n in (1, 0)]
    text(base / "scenes" / "CLEVR_train_scenes.json", json.dumps({"scenes": scenes}))


def imagenette(root):
    for wnid in ("n03888257", "n01440764"):
        picture(root / "imagenette2-160" / "val" / wnid / "x.JPEG")


def omniglot(root):
    for letter in ("Latin/character02", "Latin/character01", "Greek/character01"):
        for number in (1, 2):
            picture(root / "omniglot-py" / "images_background" / letter / f"0{number}_01.png", mode="L")


CASES = [  # class, what writes its files, arguments
    ("CIFAR10", cifar10, dict(train=True)),
    ("CIFAR10", cifar10, dict(train=False)),
    ("CIFAR100", cifar100, dict(train=False)),
    ("EMNIST", emnist, dict(split="letters")),
    ("EMNIST", emnist, dict(split="balanced", train=False)),
    ("KMNIST", kmnist, dict(train=False)),
    ("QMNIST", qmnist, {}),
    ("QMNIST", qmnist, dict(what="nist", compat=False)),
    ("QMNIST", qmnist, dict(train=False)),
    ("SVHN", svhn, {}),
    ("Flowers102", flowers, dict(split="test")),
    ("STL10", stl10, dict(split="train+unlabeled")),
    ("STL10", stl10, dict(split="train", folds=2)),
    ("OxfordIIITPet", pets, {}),
    ("OxfordIIITPet", pets, dict(target_types=["segmentation", "binary-category"])),
    ("Caltech101", caltech101, dict(target_type=["category", "annotation"])),
    ("Caltech256", caltech256, {}),
    ("VOCSegmentation", voc, {}),
    ("VOCDetection", voc, {}),
    ("CocoDetection", coco, dict(annFile="instances.json")),
    ("CocoCaptions", coco, dict(annFile="captions.json")),
    ("CelebA", celeba, dict(target_type=["attr", "identity", "bbox", "landmarks"])),
    ("CelebA", celeba, dict(split="all", target_type="identity")),
    ("LFWPeople", lfw, {}),
    ("LFWPeople", lfw, dict(split="train")),
    ("LFWPairs", lfw, {}),
    ("LFWPairs", lfw, dict(split="train")),
    ("Food101", food101, {}),
    ("DTD", dtd, {}),
    ("FGVCAircraft", aircraft, dict(annotation_level="family")),
    ("GTSRB", gtsrb, {}),
    ("GTSRB", gtsrb, dict(split="test")),
    ("Country211", lambda root: folders(root, "country211", ["train"]), {}),
    ("RenderedSST2", lambda root: folders(root, "rendered-sst2", ["valid"], ["negative", "positive"], "1.png"), dict(split="val")),
    ("EuroSAT", lambda root: folders(root, "eurosat", ["2750"]), {}),
    ("USPS", usps, {}),
    ("SEMEION", semeion, {}),
    ("SUN397", sun397, {}),
    ("CLEVRClassification", clevr, {}),
    ("CLEVRClassification", clevr, dict(split="test")),
    ("Imagenette", imagenette, dict(split="val", size="160px")),
    ("Omniglot", omniglot, {}),
]  # fmt: skip


def arguments(name, root, options):
    """The arguments of a class for files in `root`."""
    if name.startswith("Coco"):
        return (root / "images",), {**options, "annFile": str(root / options["annFile"])}
    return (root,), options


def told(value, tensor):
    """A sample in words and numbers, alike for both libraries."""
    if isinstance(value, Image.Image):
        return value.mode, value.size, np.asarray(value).tolist()
    if isinstance(value, tensor):
        return told(value.numpy(), tensor)
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, (tuple, list)):
        return tuple(told(part, tensor) for part in value)
    return value
