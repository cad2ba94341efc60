"""Datasets whose labels (or pixels) are published in MATLAB's files: SVHN and Flowers102."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from facula_vision.datasets.download import Resource, extract
from facula_vision.datasets.vision import Loader, Transform, VisionDataset, check_choice, missing, pil_loader

__all__ = ["SVHN", "Flowers102"]


def read_mat(path: Path) -> dict[str, Any]:
    """The variables in a file of MATLAB, by SciPy; RuntimeError, naming the file, for one that is damaged."""
    from scipy.io import loadmat
    from scipy.io.matlab import MatReadError

    try:
        found: dict[str, Any] = loadmat(path)
    except (MatReadError, ValueError, OSError, TypeError, NotImplementedError) as error:
        raise RuntimeError(f"read_mat: expected a file of MATLAB, got {path} ({error}). Fetch it again.") from error
    return found


class SVHN(VisionDataset):
    """House numbers in street views, 32 by 32 pixels, in ten classes: split "train" (73,257), "test" (26,032), "extra" (531,131).

    Samples: `(image, label)`, a PIL image of mode "RGB" and an int. ValueError for another split.
    Source: Y. Netzer et al., "Reading Digits in Natural Images with Unsupervised Feature Learning", 2011.
    """

    split_list: ClassVar[dict[str, list[str]]] = {
        split: [f"http://ufldl.stanford.edu/housenumbers/{split}_32x32.mat", f"{split}_32x32.mat", md5]
        for split, md5 in (
            ("train", "e26dedcc434d2e4c54c9b2d4a06d8373"),
            ("test", "eb5a983be6a315427106f1b164d9cef3"),
            ("extra", "a93ce644f1a588dc4d68dda5feec44a7"),
        )
    }

    def __init__(
        self,
        root: str | os.PathLike[str],
        split: str = "train",
        transform: Transform | None = None,
        target_transform: Transform | None = None,
        download: bool = False,
    ) -> None:
        super().__init__(root, transform=transform, target_transform=target_transform)
        self.split = check_choice("SVHN", "split", split, tuple(self.split_list))
        self.url, self.filename, self.file_md5 = self.split_list[split]
        if download:
            self.download()
        path = self.folder / self.filename
        if not path.is_file():
            raise missing("SVHN", path)
        variables = read_mat(path)
        self.labels = variables["y"].astype(np.int64).reshape(-1)
        self.labels[self.labels == 10] = 0  # the published class of 0 is 10
        self.data = np.ascontiguousarray(variables["X"].transpose(3, 2, 0, 1))  # (N, 3, 32, 32)

    def download(self) -> None:
        """Fetch the file of the split, checked."""
        Resource(self.url, self.file_md5).fetch(self.folder)

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        from PIL import Image

        return self.apply(Image.fromarray(self.data[index].transpose(1, 2, 0)), int(self.labels[index]))

    def extra_repr(self) -> str:
        return f"Split: {self.split.title()}"


class Flowers102(VisionDataset):
    """8,189 pictures of flowers in 102 classes: split "train" and "val" (1,020 each) and "test" (6,149).

    Samples: `(image, label)`, a PIL image of mode "RGB" and an int from 0 to 101. ValueError for another split.
    Source: M.-E. Nilsback, A. Zisserman, "Automated Flower Classification over a Large Number of Classes", 2008.
    """

    _url = "https://www.robots.ox.ac.uk/~vgg/data/flowers/102/"
    files: ClassVar[dict[str, Resource]] = {
        "image": Resource(_url + "102flowers.tgz", "52808999861908f626f3c1f4e79d11fa"),
        "label": Resource(_url + "imagelabels.mat", "e0620be6f572b9609742df49c70aed4d"),
        "setid": Resource(_url + "setid.mat", "a5357ecc9cb78c4bef273ce3793fc85c"),
    }
    _splits: ClassVar[dict[str, str]] = {"train": "trnid", "val": "valid", "test": "tstid"}
    classes: ClassVar[list[str]] = (
        "pink primrose, hard-leaved pocket orchid, canterbury bells, sweet pea, english marigold, tiger lily,"
        " moon orchid, bird of paradise, monkshood, globe thistle, snapdragon, colt's foot, king protea, "
        "spear thistle, yellow iris, globe-flower, purple coneflower, peruvian lily, balloon flower, giant "
        "white arum lily, fire lily, pincushion flower, fritillary, red ginger, grape hyacinth, corn poppy, "
        "prince of wales feathers, stemless gentian, artichoke, sweet william, carnation, garden phlox, love "
        "in the mist, mexican aster, alpine sea holly, ruby-lipped cattleya, cape flower, great masterwort, "
        "siam tulip, lenten rose, barbeton daisy, daffodil, sword lily, poinsettia, bolero deep blue, "
        "wallflower, marigold, buttercup, oxeye daisy, common dandelion, petunia, wild pansy, primula, "
        "sunflower, pelargonium, bishop of llandaff, gaura, geranium, orange dahlia, pink-yellow dahlia?, "
        "cautleya spicata, japanese anemone, black-eyed susan, silverbush, californian poppy, osteospermum, "
        "spring crocus, bearded iris, windflower, tree poppy, gazania, azalea, water lily, rose, thorn apple,"
        " morning glory, passion flower, lotus, toad lily, anthurium, frangipani, clematis, hibiscus, "
        "columbine, desert-rose, tree mallow, magnolia, cyclamen, watercress, canna lily, hippeastrum, bee "
        "balm, ball moss, foxglove, bougainvillea, camellia, mallow, mexican petunia, bromelia, blanket "
        "flower, trumpet creeper, blackberry lily"
    ).split(", ")

    def __init__(
        self,
        root: str | os.PathLike[str],
        split: str = "train",
        transform: Transform | None = None,
        target_transform: Transform | None = None,
        download: bool = False,
        loader: Loader = pil_loader,
    ) -> None:
        super().__init__(root, transform=transform, target_transform=target_transform)
        self._split = check_choice("Flowers102", "split", split, tuple(self._splits))
        self.loader = loader
        base = self.folder / "flowers-102"
        if download:
            self.download()
        if not all(path.exists() for path in (base / "jpg", base / "imagelabels.mat", base / "setid.mat")):
            raise missing("Flowers102", f"jpg, imagelabels.mat and setid.mat in {base}")
        numbers = read_mat(base / "setid.mat")[self._splits[split]].ravel().tolist()
        labels = read_mat(base / "imagelabels.mat")["labels"].ravel()
        self._labels = [int(labels[number - 1]) - 1 for number in numbers]
        self._image_files = [base / "jpg" / f"image_{number:05d}.jpg" for number in numbers]

    def download(self) -> None:
        """Fetch what is missing, checked, and unpack the pictures."""
        base = self.folder / "flowers-102"
        for name in ("label", "setid"):
            self.files[name].fetch(base)
        if not (base / "jpg").is_dir():
            extract(self.files["image"].fetch(base), base)

    def __len__(self) -> int:
        return len(self._image_files)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        return self.apply(self.loader(str(self._image_files[index])), self._labels[index])

    def extra_repr(self) -> str:
        return f"split={self._split}"
