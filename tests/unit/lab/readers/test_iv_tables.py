"""Tables: layouts that instruments write are read, hostile files end in an error with file and line."""

from __future__ import annotations

import gzip

import numpy as np
import pytest

from gbflux.errors import InputError
from gbflux.lab.iv.analyse import analyse_iv
from gbflux.lab.readers import delimited as table_rows
from gbflux.lab.readers import read_table
from gbflux.lab.readers.delimited import Body


@pytest.fixture
def table(tmp_path):
    """Write bytes or text, read it as a table."""

    def read(content, name="data.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
        return read_table(path)

    return read


LAYOUTS = {  # every one the points (0 V, 1 nA), (1 mV, 2.5 nA), (−2 mV, 3 nA)
    "commas": "V (mV),I (nA)\n0,1\n1,2.5\n-2,3\n",
    "slashes": "V/mV,I/nA\n0,1\n1,2.5\n-2,3\n",
    "brackets, tabs": "Voltage [V]\tCurrent [A]\n0\t1e-9\n0.001\t2.5E-9\n-2e-3\t3.0e-09\n",
    "no units": "V,I\n0,1e-9\n.001,2.5e-9\n-.002,3e-9\n",
    "no header": "0,1e-9\n0.001,2.5e-9\n-0.002,3e-9\n",
    "decimal commas": "V (mV);I (nA)\n0;1\n1,0;2,5\n-2;3\n",
    "decimal commas, blanks": "0,0 1e-9\n0,001 2,5e-9\n-0,002 3e-9\n",
    "quotes": '"V (mV)","I (nA)"\n"0","1"\n"1","2,5"\n"-2","3"\n',
    "blanks": "# V (mV)   I (nA)\n  0   1\n 1   2.5\n  -2  3\n",
    "blanks round commas": "V (mV) , I (nA)\n 0 , 1\n 1 , 2.5\n -2 , 3\n",
    "units below": "V,I\nmV,nA\n0,1\n1,2.5\n-2,3\n",
    "underscores": "bias_mV,current_nA\n0,1\n1,2.5\n-2,3\n",
    "trailing commas": "V (mV),I (nA),\n0,1,\n1,2.5,\n-2,3,\n",
    "a word column": "DataName,V (mV),I (nA)\nDataValue,0,1\nDataValue,1,2.5\nDataValue,-2,3\n",
    "dates": "time,V (mV),I (nA)\n2024-01-02 10:00:01,0,1\n"
    "2024-01-02 10:00:02,1,2.5\n2024-01-02 10:00:03,-2,3\n",
    "preamble": "Model,2450\nSerial,0123\nRate (V/s),0.1\n\nIndex,V (mV),I (nA),Status\n"
    "1,0,1,OK\n2,1,2.5,OK\n3,-2,3,OVER\n",
    "old Mac": "V (mV),I (nA)\r0,1\r1,2.5\r-2,3\r",
    "Windows": "V (mV),I (nA)\r\n0,1\r\n1,2.5\r\n-2,3\r\n",
    "real minus": "V (mV),I (nA)\n0,1\n1,2.5\n−2,3\n",
    "leading tabs": "\tt (s)\tV (mV)\tI (nA)\n\t7\t0\t1\n\t8\t1\t2.5\n\t9\t-2\t3\n",
    "leading tabs, units below": "x\n\tPt\tV\tI\n\t#\tmV\tnA\n\t0\t0\t1\n\t1\t1\t2.5\n\t2\t-2\t3\n",
    "leading tabs of rows alone": "t (s)\tV (mV)\tI (nA)\n\t7\t0\t1\n\t8\t1\t2.5\n\t9\t-2\t3\n",
    "leading commas": ",V (mV),I (nA)\n,0,1\n,1,2.5\n,-2,3\n",
    "text at the end": "V (mV),I (nA)\n0,1\n1,2.5\n-2,3\nend of data\n",
}


@pytest.mark.parametrize("name", LAYOUTS)
@pytest.mark.parametrize("packing", ["plain", "gzip", "mark", "utf-16", "latin-1"])
def test_layouts_are_read(table, name, packing):
    text = LAYOUTS[name]
    if packing == "latin-1" and "−" in text:
        pytest.skip("not a letter of Latin-1")
    raw = {
        "plain": lambda: text.encode(),
        "gzip": lambda: gzip.compress(text.encode()),
        "mark": lambda: b"\xef\xbb\xbf" + text.encode(),
        "utf-16": lambda: text.encode("utf-16"),
        "latin-1": lambda: text.encode("latin-1"),
    }[packing]()
    found = table(raw)
    known = [c for c in found.columns if c.quantity in ("voltage", "current")]
    columns = known or list(found.columns)
    np.testing.assert_allclose(columns[0].values, [0, 1e-3, -2e-3])
    np.testing.assert_allclose(columns[1].values, [1e-9, 2.5e-9, 3e-9])


def test_notes_say_what_was_assumed_and_skipped(table):
    found = table("V,I (nA),Status\n0,1,OK\n1,,OK\n2,3,OK\n")
    assert "V assumed" in found.notes[0]
    assert "current in A, times 1e-09" in found.notes[1]
    assert any("words ('OK' in line 2); skipped" in note for note in found.notes)
    assert "1 missing numbers" in found.notes


def test_an_unknown_unit_is_said(table):
    found = table("V (furlong),I (A)\n1,2\n2,3\n")
    assert found.first("voltage").unit == ""
    assert "'furlong' is not known" in found.notes[0]


def test_sign_of_the_imaginary_part(table):
    found = table("freq/Hz\tRe(Z)/Ohm\t-Im(Z)/kOhm\n1\t2\t3\n2\t3\t4\n")
    np.testing.assert_allclose(found.first("z_imag").values, [-3000, -4000])


def test_breaks_are_where_the_file_interrupts(table):
    found = table("V,I\n0,1\n1,2\n\n0,1\n1,2\nV,I\n0,3\n1,4\n# new\n0,1\n1,1\n")
    assert found.breaks == (2, 4, 6)


def test_a_lost_row_below_the_header_is_no_header(table):
    read = table("V (V),I (A)\nnan,nan\n0.1,1e-9\n0.2,2e-9\n")
    assert read.names == "'V (V)', 'I (A)'"
    assert read.n_rows == 2


def test_igor_waves_are_named(tmp_path):
    (tmp_path / "scan.ibw").write_bytes(b"\x05\x00" + bytes(400))
    with pytest.raises(InputError, match=r"Igor.*Gwyddion"):
        read_table(tmp_path / "scan.ibw")


def test_gaps_and_overflows_are_missing(table):
    found = table("a,V,I\n1,0,1\n2,,9.91E+37\n3,nan,--\n,3,4\n")
    np.testing.assert_array_equal(np.isnan(found.first("current").values), [False, True, True, False])
    np.testing.assert_array_equal(np.isnan(found.columns[0].values), [False, False, False, True])


HOSTILE = {
    "empty": (b"", ":1: .*empty"),
    "blank": (b"\n \n\n", ":1: .*empty"),
    "header only": (b"V,I\n", ":1: .*row of numbers"),
    "one row": (b"V,I\n1,2\n", ":2: .*two rows"),
    "prose": (b"lorem ipsum\ndolor sit\n" * 50, ":1: .*row of numbers"),
    "a word": (b"V,I\n0,1\n1,abc\n2,3\n", r":3: column 2 must be a number; got 'abc'"),
    "no number at all": (b"V,I\n" + b"nan,nan\n" * 20, "row of numbers"),
    "both decimal signs": (b"V;I\n0,1;1\n0,2;2\n0.3;3\n", ":4: .*decimal"),
    "commas for both": (b"V,I\n0,1,1,5\n0,2,2,5\n", ":2: .*separate by semicolons"),
    "too many fields": (b"V,I\n0,1\n1,2\n2,3,4,5\n3,4\n", ":4: must have 2 fields"),
    "random bytes": (np.random.default_rng(1).bytes(20000), "must be text"),
    "a zero byte": (b"V,I\n0,1\n1,2\x00\n", ":3: must be text"),
    "a spreadsheet": (b"PK\x03\x04" + b"x" * 100, "spreadsheet"),
    "cut gzip": (gzip.compress(b"V,I\n1,2\n" * 500)[:40], "whole gzip"),
    "half a mark": (b"\xff\xfeV", "UTF-16"),
    "a huge line": (b"V,I\n" + b"1," * 100_000 + b"\n", ":2: a line must have at most"),
    "a huge line later": (b"V,I\n" + b"1,2\n" * 500 + b"x" * 200_000, ":502: a line must have at most"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_end_in_an_error_with_the_place(table, name):
    content, message = HOSTILE[name]
    with pytest.raises(InputError, match=message):
        table(content, f"{name}.csv")


def test_missing_files_and_folders(tmp_path):
    for path in (tmp_path / "none.csv", tmp_path):
        with pytest.raises(InputError, match="cannot be read"):
            read_table(path)


def test_a_large_file_is_read_in_few_passes(tmp_path, monkeypatch):
    """200,000 complete rows, none of them line by line (benchmarks/bench_iv.py has the seconds)."""
    path = tmp_path / "large.csv"
    values = np.random.default_rng(1).normal(size=(200_000, 3))
    path.write_text("V,I,t\n" + "".join(f"{a:.6e},{b:.6e},{c:.6e}\n" for a, b, c in values))
    monkeypatch.setattr(Body, "_slow", None)  # calling it would raise
    found = read_table(path)
    np.testing.assert_allclose(found.columns[1].values, values[:, 1], rtol=1e-6)


def test_fast_and_slow_reading_agree(table):
    rows = [f"{k},{k * 0.5:.3f}" for k in range(300)]
    fast = table("V,I\n" + "\n".join(rows))
    slow = table("V,I\n" + "\n".join([*rows[:150], "# pause", *rows[150:]]))
    np.testing.assert_array_equal(fast.columns[1].values, slow.columns[1].values)
    assert slow.breaks == (150,)


def test_decimal_commas_between_separating_commas_are_told_whatever_the_header_and_the_first_row(tmp_path):
    for text in (
        "V (V),I (A)\n-0,2,300000e-11\n" + "-0,001,-1,000000e-12\n" * 5,
        "x (nm),modulus 1 (GPa)\n" + "".join(f"{k},5,144,{k}00\n" for k in range(20)),
    ):
        (tmp_path / "mixed.csv").write_text(text)
        with pytest.raises(InputError, match="Commas cannot both separate and stand in numbers"):
            read_table(tmp_path / "mixed.csv")


@pytest.mark.parametrize("factor", [1e300, 1e-300])
def test_numbers_beyond_any_instrument_are_none(tmp_path, factor):
    rows = "\n".join(f"{factor * v!r},{factor * v / 1e3!r}" for v in np.linspace(0, 1, 50).tolist())
    (tmp_path / "far.csv").write_text("V (V),I (A)\n" + rows)
    with pytest.raises(InputError, match=r"must hold a sweep|every number is missing"):
        analyse_iv(read_table(tmp_path / "far.csv"))


def test_units_may_stand_in_columns_of_their_own(tmp_path):
    """As the buffer of a source-measure unit is written: readings and sources, each beside its unit."""
    head = '"Source-measure unit"\n\nIndex,Reading,Unit,Range Digits,Date,Source,Source Unit,Relative Time\n'
    rows = [f"{k},{k}.5E-3,Amp DC,6,03/04/2021,{k / 4:.4E},{{unit}} DC,0.{k}" for k in range(1, 9)]
    (tmp_path / "buffer.csv").write_text(head + "\n".join(row.format(unit="Volt") for row in rows))
    table = read_table(tmp_path / "buffer.csv")
    assert table.first("voltage").values[:2] == pytest.approx([0.25, 0.5])
    assert table.first("current").values[:2] == pytest.approx([1.5e-3, 2.5e-3])
    assert any("'Source (Volt)': taken as voltage in V" in note for note in table.notes)
    mixed = [row.format(unit="Volt" if k < 4 else "mV") for k, row in enumerate(rows)]
    (tmp_path / "buffer.csv").write_text(head + "\n".join(mixed))
    with pytest.raises(InputError, match="'Source Unit' must be the same in all rows; got Volt, mV"):
        read_table(tmp_path / "buffer.csv")


ODDITIES = {
    "comments": ("V (V),I (A)", lambda k: f"{k}.5,{k}e-9" + ("\n# sweep\n\n// next" if k % 50 == 0 else "")),
    "words": ("V (V),Status,I (A)", lambda k: f"{k}.5,{'OK' if k % 3 else 'limit hit'},{k}e-9"),
    "words and gaps": ("V (V),Status,I (A)", lambda k: f"{k}.5,{'OK' if k % 3 else ''},{k if k % 7 else ''}"),
    "quotes": ('"V (V)","I (A)"', lambda k: f'"{k}.5","{k}e-9"'),
    "blanks": ("V (V) ; I (A)", lambda k: f"  {k}.5 ; {k}e-9  "),
    "decimal commas": ("V (V);Status;I (A)", lambda k: f"{k},5;OK;{k},25e-9"),
    "white space": ("V/V I/A Status", lambda k: f"{k}.5   {k}e-9 OK" + ("\n%" if k == 77 else "")),
    "gaps": ("V (V),I (A),R (Ohm)", lambda k: f"{k}.5,{k}e-9," if k % 5 else f",,{k}"),
}


@pytest.mark.parametrize("kind", ODDITIES)
@pytest.mark.parametrize("chunk", [300, 1 << 20])
def test_chunks_read_at_once_are_what_their_lines_are(kind, chunk, tmp_path, monkeypatch):
    """Rows, interruptions, comments and notes; and none of these files needs its lines read one by one."""
    head, row = ODDITIES[kind]
    (tmp_path / "odd.csv").write_text(head + "\n" + "\n".join(map(row, range(1, 400))) + "\n")
    monkeypatch.setattr(table_rows, "_CHUNK", chunk)
    by_line = Body._slow
    monkeypatch.setattr(Body, "_slow", lambda *_: pytest.fail("line by line"))
    at_once = read_table(tmp_path / "odd.csv")
    monkeypatch.setattr(Body, "_slow", by_line)
    monkeypatch.setattr(Body, "_fast", lambda *_: None)
    expected = read_table(tmp_path / "odd.csv")
    assert (at_once.breaks, at_once.comments, at_once.notes) == (
        expected.breaks,
        expected.comments,
        expected.notes,
    )
    for one, other in zip(at_once.columns, expected.columns, strict=True):
        np.testing.assert_array_equal(one.values, other.values)


WIDTHS = {  # header, first row, widths and place in the message
    "more names": ("time/s\tfreq/Hz\tZ'/Ohm\tZ''/Ohm\tEwe/V", "0\t1e5\t20\t-1", ":1: .*5 names and 4 fields"),
    "fewer names": ("V (V),I (A)", "{k},1e-9,5", ":1: .*2 names and 3 fields .line 2"),
    "a blank name between": ("t/s,V/V,,I/A", "{k},0.1,1e-9", ":1: .*4 names and 3 fields"),
    "white space": ("# V (V)  I (A)  t (s)", "{k} 1e-9", ":1: .*3 names and 2 fields"),
}


@pytest.mark.parametrize("name", WIDTHS)
def test_a_header_of_another_width_is_refused(table, name):
    """Rather than guessing which name belongs to which column."""
    head, row, message = WIDTHS[name]
    with pytest.raises(InputError, match=message + r".*Give every column one name"):
        table(head + "\n" + "".join(row.format(k=k) + "\n" for k in range(5)))


def test_numbers_with_separators_of_thousands_are_no_preamble(table):
    with pytest.raises(InputError, match=r":2: must be a row of numbers.*1,000.5;2.*of thousands"):
        table("V;I\n1,000.5;2\n900;3\n800;4\n")


def test_gamry_tables_of_the_same_columns_are_one(table):
    """The last table of a DTA file counts, however short, and those of its columns before it."""
    head = "\tPt\tVf\tIm\n\t#\tV\tA\n"
    curve = [f"CURVE{n}\tTABLE\t2\n{head}\t0\t0.{n}\t1e-{n}\n\t1\t0.{n}5\t2e-{n}\n" for n in (1, 2)]
    other = "OCVCURVE\tTABLE\t3\n\tPt\tT\n\t#\ts\n\t0\t1\n\t1\t2\n\t2\t3\n"
    found = table("EXPLAIN\nTAG\tCV\nAREA\tQUANT\t1.0\tArea (cm^2)\n" + other + "".join(curve), "cv.DTA")
    np.testing.assert_allclose(found.first("voltage").values, [0.1, 0.15, 0.2, 0.25])
    np.testing.assert_allclose(found.first("current").values, [0.1, 0.2, 0.01, 0.02])
    assert found.breaks == (2,)
