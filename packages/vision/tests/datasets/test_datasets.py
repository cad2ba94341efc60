"""Every dataset on small files in its original format."""

import importlib.util
import pickle
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import facula
from facula_vision import datasets
from facula_vision import tv_tensors as tv
from facula_vision.datasets.cifar import read_objects
from facula_vision.datasets.coco import mask_of
from facula_vision.datasets.matlab import read_mat
from facula_vision.transforms import v2

spec = importlib.util.spec_from_file_location("files", Path(__file__).with_name("files.py"))
files = importlib.util.module_from_spec(spec)
spec.loader.exec_module(files)


@pytest.mark.parametrize(
    ("name", "write", "options"), files.CASES, ids=[f"{n}-{i}" for i, (n, *_) in enumerate(files.CASES)]
)
def test_samples(tmp_path, name, write, options):
    write(tmp_path)
    args, kwargs = files.arguments(name, tmp_path, options)
    kind = getattr(datasets, name)
    dataset = kind(*args, **kwargs)
    assert len(dataset) > 0
    for index in range(len(dataset)):
        image = dataset[index][0]
        assert isinstance(image, Image.Image)
        assert image.mode in ("RGB", "L")
    size = kind(*args, **kwargs, transform=lambda picture: picture.size)[0][0]
    assert size == dataset[0][0].size
    assert type(dataset).__name__ in repr(dataset)
    again = pickle.loads(pickle.dumps(dataset))
    assert files.told(again[0], facula.Tensor) == files.told(dataset[0], facula.Tensor)


@pytest.mark.parametrize("name", sorted({name for name, *_ in files.CASES if not name.startswith("Coco")}))
def test_what_is_not_there(tmp_path, name):
    options = {"split": "letters"} if name == "EMNIST" else {}
    with pytest.raises(RuntimeError, match=f"{name}: dataset not found.*expected .*download=True to download it"):
        getattr(datasets, name)(tmp_path, **options)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("EMNIST", dict(split="x")),
        ("QMNIST", dict(what="x")),
        ("SVHN", dict(split="x")),
        ("Flowers102", dict(split="x")),
        ("STL10", dict(split="x")),
        ("STL10", dict(folds=10)),
        ("OxfordIIITPet", dict(split="x")),
        ("OxfordIIITPet", dict(target_types="x")),
        ("Caltech101", dict(target_type="x")),
        ("VOCDetection", dict(year="2006")),
        ("VOCSegmentation", dict(image_set="test")),
        ("CelebA", dict(target_type="x")),
        ("CelebA", dict(split="x")),
        ("LFWPeople", dict(split="x")),
        ("LFWPairs", dict(image_set="x")),
        ("DTD", dict(partition=11)),
        ("FGVCAircraft", dict(annotation_level="x")),
        ("Kinetics", dict(frames_per_clip=1, num_classes="5")),
        ("ImageNet", dict(split="test")),
    ],
)
def test_words_that_are_not_known(tmp_path, name, options):
    with pytest.raises(ValueError, match=f"{name}: unknown value .* for argument .*, expected one of"):
        getattr(datasets, name)(tmp_path, **options)


def test_labels_are_what_the_files_say(tmp_path):
    files.svhn(tmp_path)
    assert datasets.SVHN(tmp_path).labels.tolist() == [1, 0, 5, 9]
    files.flowers(tmp_path)
    assert datasets.Flowers102(tmp_path, "test")._labels == [101, 6, 7]
    assert len(datasets.Flowers102.classes) == 102
    files.celeba(tmp_path)
    faces = datasets.CelebA(tmp_path, target_type=["attr", "identity"])
    assert (faces.attr_names, faces[1][1][0].tolist(), int(faces[1][1][1])) == (["Bald", "Young"], [1, 0], 14)
    files.lfw(tmp_path)
    pairs = datasets.LFWPairs(tmp_path, target_transform=bool)
    assert [pairs[0][2], pairs[1][2]] == [True, False]
    files.voc(tmp_path)
    target = datasets.VOCDetection(tmp_path)[1][1]["annotation"]
    assert [one["name"] for one in target["object"]] == ["car"]
    assert target["source"] == {"database": "The VOC2007 Database"}
    files.sun397(tmp_path)
    assert [label for _, label in datasets.SUN397(tmp_path)] == [0, 0, 1]
    files.omniglot(tmp_path)
    letters = datasets.Omniglot(tmp_path)
    assert letters._characters == ["Greek/character01", "Latin/character01", "Latin/character02"]
    assert [label for _, label in letters] == [0, 0, 1, 1, 2, 2]
    assert datasets.EMNIST.classes_split_dict["balanced"][-3:] == ["q", "r", "t"]


def test_compressed_qmnist(tmp_path):
    for ending in (".gz", ".xz"):
        base = tmp_path / ending / "QMNIST" / "raw"
        files.idx(base / f"xnist-images-idx3-ubyte{ending}", np.zeros((2, 28, 28), dtype=np.uint8))
        files.idx(base / f"xnist-labels-idx2-int{ending}", np.arange(16, dtype=np.int32).reshape(2, 8))
        assert datasets.QMNIST(tmp_path / ending, what="nist")[1][1] == 8
    (base / "xnist-images-idx3-ubyte.xz").write_bytes(b"\xfd7zXZ\0damaged")
    with pytest.raises(RuntimeError, match="expected a whole compressed file, got .*xnist-images"):
        datasets.QMNIST(tmp_path / ".xz", what="nist")


def test_damaged_files_are_named(tmp_path):
    (tmp_path / "a").write_bytes(b"\x80\x02cposix\nsystem\n(X\x04\x00\x00\x00echotR.")
    with pytest.raises(RuntimeError, match=r"read_objects: expected a batch of CIFAR, got .*posix.system"):
        read_objects(tmp_path / "a")
    files.batch(tmp_path / "b", [1, 2])
    with pytest.raises(RuntimeError, match="read_objects: expected a dict, got list"):
        read_objects(tmp_path / "b")
    (tmp_path / "c.mat").write_bytes(b"no matrix")
    with pytest.raises(RuntimeError, match="read_mat: expected a file of MATLAB, got .*c.mat"):
        read_mat(tmp_path / "c.mat")
    (tmp_path / "d.json").write_text("[1, 2")
    with pytest.raises(RuntimeError, match="expected a JSON file of COCO annotations, got .*d.json"):
        datasets.CocoDetection(tmp_path, str(tmp_path / "d.json"))
    (tmp_path / "usps.bz2").write_bytes(b"no archive")
    with pytest.raises(RuntimeError, match="USPS: expected rows of 256 numbers, got .*usps.bz2"):
        datasets.USPS(tmp_path)
    (tmp_path / "semeion.data").write_text("1 2 x")
    with pytest.raises(RuntimeError, match="SEMEION: expected rows of 266 numbers"):
        datasets.SEMEION(tmp_path)
    files.voc(tmp_path)
    (tmp_path / "VOCdevkit/VOC2012/Annotations/2007_1.xml").write_text("<annotation>")
    with pytest.raises(RuntimeError, match="expected an XML annotation, got .*2007_1.xml"):
        datasets.VOCDetection(tmp_path)[0]


def test_coco(tmp_path):
    files.coco(tmp_path)
    dataset = datasets.CocoDetection(tmp_path / "images", str(tmp_path / "instances.json"))
    assert dataset.ids == [3, 7]
    assert dataset[0][1] == []
    assert [one["id"] for one in dataset[1][1]] == dataset.coco.getAnnIds(7) == [1, 2]
    assert dataset.coco.loadCats(2)[0]["name"] == "b"
    assert dataset.coco.loadImgs(3)[0]["width"] == 12
    captions = datasets.CocoCaptions(tmp_path / "images", str(tmp_path / "captions.json"))
    assert captions[1][1] == ["a caption 1", "a caption 2"]
    with pytest.raises(ValueError, match="index must be of type integer"):
        dataset["7"]


def test_coco_masks():
    expected = np.zeros((3, 4), dtype=np.uint8)
    expected[1:, 1:3] = 1  # columns run first: 4 off, 2 on, 1 off, 2 on, 3 off
    runs = [4, 2, 1, 2, 3]
    assert mask_of({"counts": runs, "size": [3, 4]}, 3, 4).tolist() == expected.tolist()
    text = "".join(chr(48 + (n & 31)) for n in [4, 2, 1, 0, 2])  # from the fourth on, less the one two before
    assert mask_of({"counts": text}, 3, 4).tolist() == expected.tolist()
    assert mask_of([[1, 1, 3, 1, 3, 3, 1, 3]], 3, 4).tolist() == expected.tolist()


def test_fake_data_is_the_same_each_time():
    one, two = datasets.FakeData(5, (3, 4, 6)), datasets.FakeData(5, (3, 4, 6), random_offset=1)
    assert files.told(one[3], facula.Tensor) == files.told(one[3], facula.Tensor) == files.told(two[2], facula.Tensor)
    assert files.told(one[3], facula.Tensor) != files.told(one[2], facula.Tensor)
    assert len(list(one)) == 5
    with pytest.raises(IndexError, match="expected an index below 5, got 5"):
        one[5]


def moving(path, count):
    path.parent.mkdir(parents=True, exist_ok=True)
    frames = [Image.new("RGB", (6, 4), (20 * n, 0, 0)) for n in range(count)]
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=100, loop=0)


def test_kinetics(tmp_path):
    moving(tmp_path / "train" / "jump" / "a.gif", 6)
    moving(tmp_path / "train" / "run" / "b.gif", 3)
    options = dict(frames_per_clip=3, step_between_clips=2, extensions=("gif",))
    dataset = datasets.Kinetics(tmp_path, **options)
    assert list(dataset.clips) == [(0, 0), (0, 2), (1, 0)]
    video, audio, label = dataset[1]
    assert (video.shape, audio.shape, label) == ((3, 3, 4, 6), (1, 0), 0)
    assert video[:, 0, 0, 0].tolist() == [40, 60, 80]
    slow = datasets.Kinetics(tmp_path, frame_rate=5, output_format="THWC", **options)
    assert len(slow) == 1
    assert slow[0][0][:, 0, 0, 0].tolist() == [0, 40, 80]
    (tmp_path / "train" / "run" / "b.gif").write_bytes(b"x")
    with pytest.raises(RuntimeError, match="read_frames: expected a video, got .*b.gif"):
        dataset[2]


def test_imagenet(tmp_path, monkeypatch):
    import tarfile

    from scipy.io import savemat

    data = tmp_path / "kit" / "ILSVRC2012_devkit_t12" / "data"
    data.mkdir(parents=True)
    kinds = [("ILSVRC2012_ID", object), ("WNID", object), ("words", object), ("num_children", object)]
    rows = [(1, "n001", "tench, Tinca tinca", 0), (2, "n002", "goldfish", 0), (3, "n003", "fish", 2)]
    savemat(data / "meta.mat", {"synsets": np.array(rows, dtype=kinds)})
    (data / "ILSVRC2012_validation_ground_truth.txt").write_text("2\n1\n2\n")
    root = tmp_path / "root"
    root.mkdir()
    names = {key: resource.filename for key, resource in datasets.ImageNet.archives.items()}
    with tarfile.open(root / names["devkit"], "w:gz") as archive:
        archive.add(tmp_path / "kit" / "ILSVRC2012_devkit_t12", "ILSVRC2012_devkit_t12")
    with tarfile.open(root / names["val"], "w") as archive:
        for number in range(1, 4):
            archive.add(
                files.picture(tmp_path / f"ILSVRC2012_val_{number:08d}.jpg"), f"ILSVRC2012_val_{number:08d}.jpg"
            )
    with pytest.raises(RuntimeError, match=r"ImageNet: the archive .*devkit.* is not present in .* or is corrupted"):
        datasets.ImageNet(root, "val")
    monkeypatch.setattr("facula_vision.datasets.download.Resource.is_whole", lambda self, path: path.is_file())
    dataset = datasets.ImageNet(root, "val")
    assert [target for _, target in dataset.samples] == [0, 1, 1]
    assert dataset.classes == [("tench", "Tinca tinca"), ("goldfish",)]
    assert (dataset.wnid_to_idx, dataset.class_to_idx["Tinca tinca"]) == ({"n001": 0, "n002": 1}, 0)
    assert dataset[0][0].mode == "RGB"
    with tarfile.open(tmp_path / "n002.tar", "w") as archive:
        archive.add(files.picture(tmp_path / "n002_1.jpg"), "n002_1.jpg")
    with tarfile.open(root / names["train"], "w") as archive:
        archive.add(tmp_path / "n002.tar", "n002.tar")
    assert len(datasets.ImageNet(root, "train")) == 1
    assert sorted(path.name for path in root.iterdir() if not path.name.startswith("ILSVRC")) == [
        "meta.bin",
        "train",
        "val",
    ]


def test_wrapped_detection_moves_with_the_picture(tmp_path):
    files.coco(tmp_path)
    flip = v2.RandomHorizontalFlip(p=1.0)
    plain = datasets.CocoDetection(tmp_path / "images", str(tmp_path / "instances.json"), transforms=flip)
    dataset = datasets.wrap_dataset_for_transforms_v2(plain, target_keys=["boxes", "labels", "masks"])
    assert isinstance(dataset, datasets.CocoDetection)
    _image, target = dataset[1]
    assert (type(target["boxes"]), target["boxes"].canvas_size) == (tv.BoundingBoxes, (9, 12))
    assert target["boxes"].tolist() == [[6.0, 2.0, 11.0, 6.0], [9.0, 0.0, 12.0, 3.0]]
    assert (target["labels"].tolist(), target["image_id"]) == ([2, 1], 7)
    assert (type(target["masks"]), target["masks"].shape) == (tv.Mask, (2, 9, 12))
    assert dataset[0][1] == {"image_id": 3}
    assert pickle.loads(pickle.dumps(dataset))[1][1]["labels"].tolist() == [2, 1]
    everything = datasets.wrap_dataset_for_transforms_v2(plain, "all")[1][1]
    assert {"bbox", "category_id", "segmentation", "boxes", "masks"} <= set(everything)
    with pytest.raises(ValueError, match="expected target_keys out of .* got \\['x'\\]"):
        datasets.wrap_dataset_for_transforms_v2(plain, ["x"])
    with pytest.raises(TypeError, match="expected a dataset of facula_vision"):
        datasets.wrap_dataset_for_transforms_v2([1, 2])


def test_other_wrapped_datasets(tmp_path):
    for write in (files.voc, files.pets, files.celeba, files.cifar10):
        write(tmp_path)
    wrap = datasets.wrap_dataset_for_transforms_v2
    target = wrap(datasets.VOCDetection(tmp_path))[0][1]
    assert (target["boxes"].tolist(), target["labels"].tolist()) == ([[1, 2, 5, 8], [1, 2, 6, 8]], [12, 15])
    assert type(wrap(datasets.VOCSegmentation(tmp_path))[0][1]) is tv.Mask
    mask, kind = wrap(datasets.OxfordIIITPet(tmp_path, target_types=["segmentation", "category"]))[0][1]
    assert (type(mask), kind) == (tv.Mask, 0)
    box = wrap(datasets.CelebA(tmp_path, target_type="bbox"))[0][1]
    assert box.tolist() == [[1, 2, 6, 6]]
    assert wrap(datasets.CIFAR10(tmp_path, target_transform=str))[3][1] == "8"
    moving(tmp_path / "v" / "train" / "run" / "b.gif", 3)
    video, _, _ = wrap(datasets.Kinetics(tmp_path / "v", 2, extensions=("gif",)))[0]
    assert (type(video), video.shape) == (tv.Video, (2, 3, 4, 6))
