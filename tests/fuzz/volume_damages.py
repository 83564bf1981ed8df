"""How a NIfTI file can be wrong: its bytes, its header, its kind. Each writes one damaged (or unusual) file."""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
from outcomes import Damage
from volume_twins import GRID
from volume_twins import nifti

Rng = np.random.Generator
Fields = dict[str, object]


def damages_of(twin: np.ndarray) -> list[Damage]:
    """Damages of any file that holds this volume ``(X, Y, Z)`` on the 3 mm grid."""
    return [*_of_stream(twin), *_of_file(twin), *_of_header(twin), *_of_kind(twin), *_unusual(twin)]


def _put(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def _of_stream(twin: np.ndarray) -> list[Damage]:
    whole = nifti(twin)

    def flipped(rng: Rng, path: Path) -> Path:
        data = bytearray(whole)
        data[rng.integers(10, len(data))] ^= 1 << int(rng.integers(8))
        return _put(path, bytes(data))

    def cut(rng: Rng, path: Path) -> Path:
        return _put(path, whole[: rng.integers(1, len(whole))])

    def lost(rng: Rng, path: Path) -> Path:
        start, count = rng.integers(10, len(whole) - 600), rng.integers(1, 512)
        return _put(path, whole[:start] + whole[start + count :])

    def zeroed(rng: Rng, path: Path) -> Path:
        start = rng.integers(10, len(whole) - 600)
        return _put(path, whole[:start] + bytes(512) + whole[start + 512 :])

    def trailer(rng: Rng, path: Path) -> Path:
        data = bytearray(whole)
        data[-int(rng.integers(1, 9))] ^= int(rng.integers(1, 256))
        return _put(path, bytes(data))

    def behind(rng: Rng, path: Path) -> Path:
        return _put(path, whole + b"x" + rng.bytes(int(rng.integers(0, 99))))

    def longer(rng: Rng, path: Path) -> Path:
        return _put(path, gzip.compress(nifti(twin, pack=False) + rng.bytes(int(rng.integers(1, 9999)))))

    def shorter(rng: Rng, path: Path) -> Path:
        return _put(path, gzip.compress(nifti(twin, pack=False)[: -int(rng.integers(1, 99999))]))

    def plain_cut(rng: Rng, path: Path) -> Path:
        return _put(path.with_suffix(""), nifti(twin, pack=False)[: -int(rng.integers(1, 99999))])

    texts = (b"", b"<html>404</html>" * 50, b"/annex/objects/MD5E-s5034--1a.nii.gz\n", b"version https://git-lfs\n")
    return [
        Damage("a bit of the gzip stream flipped", "stream", flipped),
        Damage("cut short", "stream", cut),
        Damage("bytes lost in the middle", "stream", lost),
        Damage("a block of zeros in the middle", "stream", zeroed),
        Damage("checksum or length at the end changed", "stream", trailer),
        Damage("bytes behind the stream", "stream", behind),
        Damage("more voxels than the header says", "stream", longer),
        Damage("fewer voxels, stream whole", "stream", shorter),
        Damage("uncompressed, cut short", "stream", plain_cut),
        Damage("a whole file twice", "stream", lambda _rng, path: _put(path, whole * 2)),
        Damage("no image at all", "stream", lambda rng, path: _put(path, texts[rng.integers(len(texts))])),
        Damage("compressed twice", "stream", lambda _rng, path: _put(path, gzip.compress(whole))),
        Damage("compressed, called .nii", "stream", lambda _rng, path: _put(path.with_suffix(""), whole)),
        Damage("not compressed, called .nii.gz", "stream", lambda _rng, path: _put(path, nifti(twin, pack=False))),
    ]


def _of_file(twin: np.ndarray) -> list[Damage]:
    def folder(_rng: Rng, path: Path) -> Path:
        path.mkdir()
        return path

    def pipe(_rng: Rng, path: Path) -> Path:
        os.mkfifo(path)
        return path

    def link(target: str) -> Callable[[Rng, Path], Path]:
        def make(_rng: Rng, path: Path) -> Path:
            path.symlink_to(target)
            return path

        return make

    return [
        Damage("a folder", "file", folder),
        Damage("a pipe", "file", pipe),
        Damage("a link to nothing", "file", link("nowhere")),
        Damage("a link to itself", "file", lambda _rng, path: link(path.name)(_rng, path)),
        Damage("a link to a device", "file", link("/dev/zero")),
    ]


def _edited(twin: np.ndarray, edit: Callable[[Rng, nib.Nifti1Header], Fields]) -> Callable[[Rng, Path], Path]:
    """A file whose header has other values in some fields; packed anew, so that the checksum is right."""

    def make(rng: Rng, path: Path) -> Path:
        raw = nifti(twin, pack=False)
        header = nib.Nifti1Header(raw[:348], check=False)
        for name, value in edit(rng, header).items():
            header[name] = value
        return _put(path, gzip.compress(header.binaryblock + raw[348:], 1, mtime=0))

    return make


def _of_header(twin: np.ndarray) -> list[Damage]:
    shape = GRID.shape

    def dims(rng: Rng, _header: nib.Nifti1Header) -> Fields:
        changed = [3, *shape, 1, 1, 1, 1]
        changed[int(rng.integers(0, 4))] = int(rng.choice([0, 1, 2, 30, 57, 9000, -1]))
        return {"dim": changed}

    def rows(axis: str, factor: Callable[[Rng], float]) -> Callable[[Rng, nib.Nifti1Header], Fields]:
        return lambda rng, header: {f"srow_{axis}": np.asarray(header[f"srow_{axis}"]) * factor(rng)}

    def sform_scaled(rng: Rng, header: nib.Nifti1Header) -> Fields:
        factor = float(rng.choice([0.5, 0.9, 1.02, 1.1, 2.0]))
        return {f"srow_{axis}": np.asarray(header[f"srow_{axis}"]) * factor for axis in "xyz"}

    def pixdim(rng: Rng, header: nib.Nifti1Header) -> Fields:
        sizes = np.array(header["pixdim"])
        sizes[rng.integers(1, 4)] = rng.choice([0, -3, np.nan, np.inf, 1, 3.3, 30])
        return {"pixdim": sizes}

    def qfac(rng: Rng, header: nib.Nifti1Header) -> Fields:
        sizes = np.array(header["pixdim"])
        sizes[0] = rng.choice([-1, 2, np.nan])
        return {"pixdim": sizes}

    def kind(rng: Rng, _header: nib.Nifti1Header) -> Fields:
        return {"datatype": int(rng.choice([0, 1, 2, 4, 8, 32, 64, 128, 256, 512, 768, 1024, 1792, 2304, 9]))}

    def kind_and_bits(rng: Rng, _header: nib.Nifti1Header) -> Fields:
        number, bits = [(2, 8), (4, 16), (64, 64), (512, 16), (128, 24), (32, 64)][rng.integers(6)]
        return {"datatype": number, "bitpix": bits}

    def huge(rng: Rng, _header: nib.Nifti1Header) -> Fields:
        side = int(rng.choice([700, 1200, 32767]))
        return {"dim": [3, side, side, side, 1, 1, 1, 1]}

    def quaternion(rng: Rng, _header: nib.Nifti1Header) -> Fields:
        return {f"quatern_{axis}": float(rng.uniform(-1, 1)) for axis in "bcd"}

    def codes(rng: Rng, _header: nib.Nifti1Header) -> Fields:
        pairs = [(0, 0), (9, 1), (1, -1), (77, 77)]
        sform, qform = pairs[rng.integers(len(pairs))]
        return {"sform_code": sform, "qform_code": qform}

    def offset(rng: Rng, _header: nib.Nifti1Header) -> Fields:
        return {"vox_offset": float(rng.choice([0, 4, 348, 353, 360, 1352, 4e8, np.nan, -352, 352.5]))}

    def slope(rng: Rng, _header: nib.Nifti1Header) -> Fields:
        return {"scl_slope": float(rng.choice([np.inf, -1, 1e-9, 1e30])), "scl_inter": 0.0}

    def edited(name: str, edit: Callable[[Rng, nib.Nifti1Header], Fields]) -> Damage:
        return Damage(name, "header", _edited(twin, edit))

    return [
        edited("other sides in voxels", dims),
        edited("a header of up to 32767 voxels a side", huge),
        edited("sform scaled, pixdim and qform not", sform_scaled),
        edited("sform mirrored, qform not", rows("x", lambda _rng: -1.0)),
        edited("an axis of the sform stretched", rows("z", lambda rng: float(rng.choice([0.5, 1.05, 2.0])))),
        edited("an axis of the sform lost", rows("y", lambda _rng: 0.0)),
        edited("sform and qform far apart", lambda rng, _h: {"qoffset_x": float(rng.uniform(20, 300))}),
        edited("the qform's quaternion changed", quaternion),
        edited("voxel sizes changed", pixdim),
        edited("the qform's handedness changed", qfac),
        edited("codes of sform and qform", codes),
        edited("type of the voxels", kind),
        edited("type and bits of the voxels", kind_and_bits),
        edited("where the voxels begin", offset),
        edited("an impossible slope", slope),
        edited("no magic number (Analyze)", lambda _rng, _h: {"magic": b""}),
        edited("half of a pair (.hdr)", lambda _rng, _h: {"magic": b"ni1"}),
        edited("length of the header", lambda rng, _h: {"sizeof_hdr": int(rng.choice([0, 347, 540, -348]))}),
        edited("units of metres or microns", lambda rng, _h: {"xyzt_units": int(rng.choice([1, 3]))}),
    ]


def _of_kind(twin: np.ndarray) -> list[Damage]:
    def rgb(_rng: Rng, path: Path) -> Path:
        voxels = np.zeros(twin.shape, [("R", "u1"), ("G", "u1"), ("B", "u1")])
        voxels["R"] = np.clip(twin * 200, 0, 255)
        return _put(path, nifti(voxels))

    def spoilt(value: float) -> Callable[[Rng, Path], Path]:
        def make(rng: Rng, path: Path) -> Path:
            voxels = twin.astype(np.float64 if abs(value) > 1e38 else np.float32)
            places = rng.integers(0, voxels.size, int(rng.integers(1, 50)))
            voxels.ravel()[places] = value
            return _put(path, nifti(voxels))

        return make

    def save(change: Callable[[Rng], np.ndarray]) -> Callable[[Rng, Path], Path]:
        return lambda rng, path: _put(path, nifti(change(rng)))

    return [
        Damage("RGB colours", "voxels", rgb),
        Damage("complex numbers", "voxels", save(lambda _rng: twin.astype(np.complex64))),
        Damage("NaN", "voxels", spoilt(np.nan)),
        Damage("infinity", "voxels", spoilt(np.inf)),
        Damage("more than single precision holds", "voxels", spoilt(1e300)),
        Damage("all zero", "voxels", save(lambda _rng: np.zeros_like(twin))),
        Damage("two volumes", "voxels", save(lambda _rng: np.stack([twin, twin], -1))),
        Damage("one slice", "voxels", save(lambda _rng: twin[:, :, 28:29])),
        Damage("a volume a colour", "voxels", save(lambda _rng: np.stack([twin] * 3, -1)[..., None, :])),
        Damage("another grid", "voxels", save(lambda rng: twin[: -int(rng.integers(30, 50))])),
    ]


def _unusual(twin: np.ndarray) -> list[Damage]:
    """Files that are right, and must be read as their twin."""

    def turned(rng: Rng, path: Path) -> Path:
        axes = np.column_stack([rng.permutation(3), rng.choice([-1, 1], 3)])
        image = nib.Nifti1Image(twin, GRID.affine).as_reoriented(axes)
        return _put(path, nifti(np.ascontiguousarray(image.dataobj), image.affine))

    def endian(_rng: Rng, path: Path) -> Path:
        header = nib.Nifti1Header(nifti(twin, pack=False)[:348]).as_byteswapped(">")
        image = nib.Nifti1Image(twin.astype(twin.dtype.newbyteorder(">")), GRID.affine, header)
        return _put(path, gzip.compress(image.to_bytes()))

    def members(rng: Rng, path: Path) -> Path:
        raw, middle = nifti(twin, pack=False), int(rng.integers(100, 9999))
        return _put(path, gzip.compress(raw[:middle]) + gzip.compress(raw[middle:]))

    def second(_rng: Rng, path: Path) -> Path:
        image = nib.Nifti2Image(twin, GRID.affine)
        image.set_sform(GRID.affine, 1)
        return _put(path, gzip.compress(image.to_bytes()))

    def linked(_rng: Rng, path: Path) -> Path:
        target = _put(path.with_name(f"kept-{path.name}"), nifti(twin))
        path.symlink_to(target)
        return path

    one_code = {"sform": (4, 0), "qform": (0, 1), "two spaces": (4, 1)}
    return [
        Damage("axes in another order or direction", "unusual, right", turned, is_good=True),
        Damage("big-endian", "unusual, right", endian, is_good=True),
        Damage("NIfTI-2", "unusual, right", second, is_good=True),
        Damage("gzip in two members", "unusual, right", members, is_good=True),
        Damage("zeros behind the stream", "unusual, right",
               lambda _rng, path: _put(path, nifti(twin) + bytes(512)), is_good=True),
        Damage("double precision", "unusual, right",
               lambda _rng, path: _put(path, nifti(twin.astype(np.float64))), is_good=True),
        Damage("a fourth axis of 1", "unusual, right",
               lambda _rng, path: _put(path, nifti(twin[..., None])), is_good=True),
        Damage("not compressed", "unusual, right",
               lambda _rng, path: _put(path.with_suffix(""), nifti(twin, pack=False)), is_good=True),
        Damage("a link", "unusual, right", linked, is_good=True),
        *(Damage(f"codes: {name}", "unusual, right",
                 lambda _rng, path, pair=pair: _put(path, nifti(twin, codes=pair)), is_good=True)
          for name, pair in one_code.items()),
    ]  # fmt: skip
