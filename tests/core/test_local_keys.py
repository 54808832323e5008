"""Generated keys in the data folder."""

import base64
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from core import local_keys


def test_keys_are_generated_once(tmp_path: Path) -> None:
    first = local_keys.load_keys(tmp_path / "new")
    assert local_keys.load_keys(tmp_path / "new") == first
    assert local_keys.load_keys(tmp_path / "other") != first
    assert len(base64.urlsafe_b64decode(first.sealing_key)) == 32


def test_only_the_owner_reads_them(tmp_path: Path) -> None:
    local_keys.load_keys(tmp_path / "new")
    local_keys.load_demo_password(tmp_path / "new")
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "new").iterdir()} == {0o600}


def test_racing_processes_get_the_same_keys(tmp_path: Path) -> None:
    with ThreadPoolExecutor(16) as pool:
        found = set(pool.map(local_keys.load_keys, [tmp_path] * 64))
        passwords = set(pool.map(local_keys.load_demo_password, [tmp_path] * 64))
    assert (len(found), len(passwords)) == (1, 1)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["demo-password", "keys.json"]


def test_an_interrupted_first_start_leaves_no_half_file(tmp_path: Path) -> None:
    (tmp_path / "keys.json.123.abcd").write_text('{"secret_')
    assert local_keys.load_keys(tmp_path).secret_key
