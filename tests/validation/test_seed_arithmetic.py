"""The arithmetic of the two papers, and that docs/seed-arithmetic.md shows it as it is.

Lu et al., Adv. Energy Mater. (2021); Siniscalchi et al., Energy Environ. Sci. 17, 2431 (2024),
doi:10.1039/d3ee03916a. Expected values are worked out by hand from the papers' own inputs.
"""

from __future__ import annotations

import importlib.util
import math
from pathlib import Path

import pytest

from gbflux.lab.contact import filament, mechanics, spreading
from gbflux.lab.contact.spreading import layer_asr

ROOT = Path(__file__).resolve().parents[2]


def maker():
    """docs/make_seed_arithmetic.py as a module."""
    path = ROOT / "docs" / "make_seed_arithmetic.py"
    specification = importlib.util.spec_from_file_location(path.stem, path)
    loaded = importlib.util.module_from_spec(specification)
    import sys

    sys.modules[path.stem] = loaded  # dataclasses look their module up
    specification.loader.exec_module(loaded)
    return loaded


def test_hertz_area_of_the_tip():
    """Lu 2021, Methods: 400 nN, 20 nm, 60 GPa, "~30 nm²". a³ = 0.75·400e-9·20e-9/60e9 = 1e-25 m³."""
    assert mechanics.contact_radius(400e-9, 20e-9, 60e9) == pytest.approx(1e-25 ** (1 / 3))
    assert mechanics.contact_area(400e-9, 20e-9, 60e9) == pytest.approx(67.7e-18, rel=1e-3)
    assert mechanics.mean_pressure(400e-9, 20e-9, 60e9) == pytest.approx(5.9e9, rel=5e-3)


def test_filament_of_116_ohm():
    """Lu 2021: 116 Ω over 300 µm at 1.1e5 S/cm, "diameter of ~300 nm": A = 300e-6/(116·1.1e7) = 0.235 µm²."""
    d = filament.diameter(116, 300e-6, 1.1e7)
    assert math.pi * d**2 / 4 == pytest.approx(0.2351e-12, rel=1e-3)
    assert d == pytest.approx(547e-9, rel=1e-3)


def test_dendrite_of_440_ohm():
    """Siniscalchi 2024: 440 Ω (cell 487 Ω) over 1.2 mm, "~500 nm"."""
    assert filament.diameter(440, 1.2e-3, 1.1e7) == pytest.approx(562e-9, rel=1e-3)
    assert filament.diameter(487, 1.2e-3, 1.1e7) == pytest.approx(534e-9, rel=1e-3)


def test_ionic_current_through_the_tip():
    """Lu 2021: "~2e-2 pA" at 10 V from 30 nm² and 5e-4 S/cm over 300 µm."""
    assert spreading.one_dimensional_current(0.05, 30e-18, 300e-6, 10) == pytest.approx(5.0e-14)
    assert spreading.spreading_current(0.05, 30e-18, 10) == pytest.approx(6.18e-9, rel=1e-3)
    # the ratio of the two is 4aL/A = 4L/(π a)
    ratio = spreading.spreading_current(0.05, 30e-18, 10) / spreading.one_dimensional_current(
        0.05, 30e-18, 300e-6, 10
    )
    assert ratio == pytest.approx(1.2e5, rel=0.04)
    assert spreading.ionic_current(0.05, 30e-18, 10, asr=1e-4) == pytest.approx(3e-12, rel=1e-3)


def test_spot_in_series_with_the_filament():
    """Maxwell 10 Ω and Sharvin 24 Ω for a = 4.64 nm; 15 and 53 Ω for 3.09 nm."""
    assert spreading.metallic_spot_resistance(92.8e-9, 1.2e-15, 4.64e-9) == pytest.approx(33.7, abs=0.1)
    assert spreading.metallic_spot_resistance(92.8e-9, 1.2e-15, 3.09e-9) == pytest.approx(68.4, abs=0.1)


def test_layer_has_ten_of_fourteen_ohm_cm2():
    """Lu 2021: 14 Ω cm² with a layer of 10 µm and 1e-4 S/cm."""
    assert layer_asr(10e-6, 1e-2) == pytest.approx(10e-4)


def test_page_is_fresh():
    made = maker()
    text = made.PAGE.read_text(encoding="utf-8")
    assert made.page(text) == text, "run docs/make_seed_arithmetic.py"


def test_page_shows_what_does_not_close():
    text = (ROOT / "docs" / "seed-arithmetic.md").read_text(encoding="utf-8")
    for published, recomputed in (
        ("~30 nm²", "67.7"),
        ("~300 nm", "547"),
        ("~500 nm", "562"),
        ("2e-2 pA", "6.18"),
    ):
        assert published in text
        assert f"**{recomputed}**" in text
