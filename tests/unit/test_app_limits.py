"""What one request may ask of the page: refusals are one line with the limit and the way out, and nothing is harmed."""

from __future__ import annotations

import gzip
import threading
import time
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mattransformer.app import downloads, limits, requests, uploads
from mattransformer.app.jobs import Job, StoppedError
from mattransformer.app.limits import LimitError
from mattransformer.app.turns import Turns
from mattransformer.errors import MattransformerError


def refusal(error: pytest.ExceptionInfo[MattransformerError]) -> str:
    message = str(error.value)
    assert "\n" not in message
    assert len(message) < 500
    return message


def test_ten_million_samples_are_refused_with_the_command_that_draws_them() -> None:
    with pytest.raises(LimitError) as error:
        requests.generate(n=10_000_000)
    assert "10,000" in refusal(error)
    assert "mattransformer generate" in refusal(error)


@pytest.mark.parametrize("n", [0, -5, 2.5, True, "100", None])
def test_a_number_of_samples_that_is_none_is_refused(n: object) -> None:
    with pytest.raises(LimitError, match="give a whole number from 1"):
        requests.generate(n=n)  # type: ignore[arg-type]


def test_a_formula_of_ten_thousand_characters_is_refused_everywhere() -> None:
    long = "SrTiO3" * 1_667
    with pytest.raises(LimitError) as error:
        requests.tinker(long, site="Ti")
    assert "10,002 characters" in refusal(error)
    with pytest.raises(LimitError, match="entry 2"):
        requests.screen(["NaCl", long])
    with pytest.raises(LimitError, match="template"):
        requests.generate(template=long)


def test_a_list_of_more_rows_than_the_limit_is_refused() -> None:
    with pytest.raises(LimitError, match="100,001 are more than the 100,000"):
        requests.screen(["NaCl"] * 100_001)


@pytest.mark.parametrize("formulas", [[], ["", "  "], "NaCl", None, [1, 2]])
def test_what_is_no_list_of_formulas_is_refused(formulas: object) -> None:
    with pytest.raises(LimitError):
        requests.screen(formulas)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["/etc/passwd", "../../models", "ada/oxides", "gpt3", ""])
def test_a_model_is_one_that_ships_and_never_a_path_or_a_repository(name: str) -> None:
    with pytest.raises(LimitError, match="choose one of"):
        requests.generate(model=name)


def test_no_input_names_a_file_of_the_server(tmp_path: Path) -> None:
    secret = tmp_path / "secret.cif"
    secret.write_text("data_secret\n")
    states = tmp_path / "states.txt"
    states.write_text("Fe 2 3\n")
    with pytest.raises(LimitError, match="is the name of a file"):
        requests.tinker(str(secret), site="Fe")
    with pytest.raises(LimitError, match="choose one of"):
        requests.screen(["NaCl"], oxidation_states=str(states))
    with pytest.raises(LimitError, match="choose one of"):
        requests.evaluate(["NaCl"], training=str(states))


def test_html_in_a_formula_is_no_formula() -> None:
    table = requests.screen(["<script>alert(1)</script>", "NaCl"])
    assert table["reason"].iloc[0].startswith("not parseable")
    with pytest.raises(MattransformerError):
        requests.tinker("<img src=x onerror=alert(1)>", site="Ti")


def test_a_cif_that_is_none_is_told_without_a_path_of_the_server() -> None:
    with pytest.raises(MattransformerError, match="the CIF: no structure can be read from it") as error:
        requests.tinker(cif="no structure at all", site="Ti")
    assert "tmp" not in refusal(error)


def test_a_cif_with_too_many_atoms_is_refused() -> None:
    from tests.crystals import perovskite

    cell = perovskite() * (5, 4, 5)
    with pytest.raises(LimitError, match="500 atoms"):
        requests.read_cif(cell.to(fmt="cif"))


def test_a_list_is_read_and_its_file_is_gone(tmp_path: Path) -> None:
    dropped = tmp_path / "mine.csv"
    dropped.write_text("name,formula\nsalt,NaCl\nnitride,NaN\nbad,<b>\n")
    assert uploads.read_list(dropped) == ["NaCl", "NaN", "<b>"]
    assert not dropped.exists()


def test_compressed_text_and_parquet_are_read(tmp_path: Path) -> None:
    packed = tmp_path / "mine.txt.gz"
    packed.write_bytes(gzip.compress(b"NaCl\nSrTiO3\n"))
    assert uploads.read_list(packed) == ["NaCl", "SrTiO3"]
    table = tmp_path / "mine.parquet"
    pq.write_table(pa.table({"formula": ["NaCl", "KBr"], "energy": [1.0, 2.0]}), table)
    assert uploads.read_list(table) == ["NaCl", "KBr"]


def test_a_bomb_is_unpacked_no_further_than_the_limit(tmp_path: Path) -> None:
    bomb = tmp_path / "bomb.csv.gz"
    with gzip.open(bomb, "wb", compresslevel=1) as stream:
        for _ in range(limits.MOST_UNPACKED // 10_000_000 + 1):
            stream.write(b"0" * 10_000_000)
    with pytest.raises(LimitError) as error:
        uploads.read_list(bomb)
    assert "larger than the 100 MB" in refusal(error)
    assert not bomb.exists()


def test_a_parquet_file_that_is_large_in_memory_is_refused(tmp_path: Path) -> None:
    bomb = tmp_path / "bomb.parquet"
    texts = pa.DictionaryArray.from_arrays(np.zeros(100_000, dtype=np.int32), ["A" * 1_000_000])
    pq.write_table(pa.table({"formula": texts}), bomb, store_schema=False)
    assert bomb.stat().st_size < limits.MOST_UPLOAD
    with pytest.raises(LimitError, match="longer than the 300 characters"):
        uploads.read_list(bomb)
    nested = tmp_path / "nested.parquet"
    pq.write_table(pa.table({"formula": ["NaCl"], "atoms": [["Na", "Cl"]]}), nested)
    with pytest.raises(LimitError, match="lists and structures"):
        uploads.read_list(nested)


def test_an_archive_and_a_broken_file_are_refused(tmp_path: Path) -> None:
    archive = tmp_path / "formulas.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr("../../formulas.csv", "formula\nNaCl\n")
    with pytest.raises(LimitError, match="files of this kind are not read here"):
        uploads.read_list(archive)
    broken = tmp_path / "broken.csv.gz"
    broken.write_bytes(b"no gzip")
    with pytest.raises(LimitError, match="cannot be unpacked"):
        uploads.read_list(broken)


def test_a_large_file_is_refused(tmp_path: Path) -> None:
    large = tmp_path / "large.csv"
    with large.open("wb") as stream:
        stream.truncate(limits.MOST_UPLOAD + 1)
    with pytest.raises(LimitError, match="more than the 20 MB"):
        uploads.read_list(large)


def test_a_path_in_the_name_of_a_file_leads_nowhere(tmp_path: Path) -> None:
    odd = tmp_path / "..%2F..%2Fetc%2Fpasswd.cif"
    odd.write_text("data_x\n")
    assert uploads.read_text(odd) == "data_x\n"
    odd = tmp_path / "passwd"
    odd.write_text("root")
    with pytest.raises(LimitError, match="passwd: files of this kind"):
        uploads.read_list(odd)


def test_a_table_without_formulas_says_so_without_a_path_of_the_server(tmp_path: Path) -> None:
    dropped = tmp_path / "numbers.csv"
    dropped.write_text("a,b\n1,2\n3,4\n")
    with pytest.raises(MattransformerError) as error:
        uploads.read_list(dropped)
    assert str(Path("/tmp")) not in refusal(error)


def test_two_people_who_drop_the_same_file_do_not_take_it_from_each_other(tmp_path: Path) -> None:
    """Gradio keeps a file under the hash of what is in it; the second finds it again, or is told."""
    path = tmp_path / "list.csv"
    for _ in range(2):
        path.write_text("formula\nSrTiO3\n")
        assert uploads.read_list(path) == ["SrTiO3"]
        assert not list(tmp_path.iterdir())
    with pytest.raises(LimitError, match=r"list\.csv: the file has gone; drop it again"):
        uploads.read_list(path)


def test_doping_without_a_fraction_is_no_substitution_of_all_atoms() -> None:
    from mattransformer.app.views import tinker

    asked = ("SrTiO3", "Ti", tinker.DOPING, None, 20, "", "", "combined", "")
    with pytest.raises(LimitError, match="fraction: it is empty"):
        tinker.values_of(*asked)
    holes = tinker.values_of("Sr <mask> O3", *asked[1:])
    assert (holes["site"], holes["fraction"]) == ("", None)


def test_a_cif_whose_operations_make_millions_of_atoms_is_refused_before_they_do() -> None:
    from tests.crystals import magnetite

    head, _, _ = magnetite().to(fmt="cif").partition("loop_")
    operations = "\n".join(f"'x+{number}/100003, y, z'" for number in range(30_000))
    atoms = "\n".join(f"Fe Fe{number} {number / 1000} 0 0 1" for number in range(100))
    columns = (
        "_atom_site_type_symbol _atom_site_label _atom_site_fract_x _atom_site_fract_y _atom_site_fract_z"
    )
    text = (
        f"{head}loop_\n_symmetry_equiv_pos_as_xyz\n{operations}\nloop_\n"
        f"{columns} _atom_site_occupancy\n{atoms}\n".replace(" _atom", "\n_atom")
    )
    before = time.process_time()
    with pytest.raises(LimitError) as error:
        requests.read_cif(text)
    assert time.process_time() - before < 20  # the atoms would take hours
    assert "100 places of atoms and 30,000 symmetry operations" in refusal(error)


def test_a_crystal_of_high_symmetry_is_within_the_limits() -> None:
    from pymatgen.core.lattice import Lattice
    from pymatgen.core.structure import Structure

    salt = Structure.from_spacegroup("Fm-3m", Lattice.cubic(5.64), ["Na", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    assert len(requests.read_cif(salt.to(fmt="cif", symprec=0.01))) == 8


def test_texts_that_a_spreadsheet_takes_for_commands_are_plain_in_csv_and_as_they_were_in_parquet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    sent = ["=HYPERLINK(A1)", "+1", "-NaCl", "@SUM(A1)", "NaCl"]
    csv, parquet = downloads.written(requests.screen(sent), "verdicts")
    assert pd.read_csv(csv)["formula"].tolist() == [f"'{own}" for own in sent[:4]] + ["NaCl"]
    assert pd.read_parquet(parquet)["formula"].tolist() == sent
    table = pd.DataFrame({"formula": ["NaCl"], "dopant_state": [-2]})
    assert downloads.as_plain_text(table) is table


def test_a_request_whose_time_is_over_names_the_limit_and_the_way_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "MOST_SECONDS", 1e-6)
    with pytest.raises(LimitError) as error:
        requests.generate(n=10)
    assert "the 1e-06 seconds of a request are over" in refusal(error)
    assert "mattransformer generate" in refusal(error)
    with pytest.raises(LimitError, match="the 1e-06 seconds of a request are over"):
        requests.evaluate(["NaCl"])


def test_who_waits_for_others_too_long_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MOST_SECONDS", 0.2)
    with requests._sampling.taken(), pytest.raises(LimitError) as error:
        requests.generate(n=10)
    assert "others were before this request for 0.2 seconds" in refusal(error)
    assert "mattransformer generate" in refusal(error)


def test_work_that_waits_for_its_turn_is_stopped_at_once() -> None:
    with requests._sampling.taken():
        work: Job[object] = Job(lambda tell: requests.generate(n=10, progress=tell))
        assert next(work.reports(), None) in (None, 0)
        work.stop()
        with pytest.raises(StoppedError, match="nothing was kept"):
            work.result()
    with requests._sampling.taken():
        pass  # the one that was stopped holds no turn


def test_turns_come_in_the_order_in_which_they_were_asked_for() -> None:
    turns, came = Turns(), list[int]()

    def take(number: int) -> None:
        with turns.taken():
            came.append(number)

    threads = [threading.Thread(target=take, args=(number,)) for number in range(5)]
    with turns.taken():
        for number, thread in enumerate(threads, start=2):
            thread.start()
            while len(turns._waiting) < number:
                time.sleep(0.001)
    for thread in threads:
        thread.join()
    assert came == [0, 1, 2, 3, 4]


def test_the_same_question_gets_the_same_table_and_what_is_done_to_one_leaves_the_other() -> None:
    first = requests.tinker("SrTiO3", site="Ti", fraction=0.05, top=3)
    whole = first.copy()
    first["dopant"] = "?"
    pd.testing.assert_frame_equal(requests.tinker("SrTiO3", site="Ti", fraction=0.05, top=3), whole)
    with pytest.raises(MattransformerError, match="fraction"):
        requests.tinker("SrTiO3", site="Ti", fraction=[0.05], top=3)  # type: ignore[arg-type]
