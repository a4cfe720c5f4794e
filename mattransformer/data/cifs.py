"""Compositions of CIFs, read with pymatgen; sites and symmetry only matter where no sum formula is stated."""

from __future__ import annotations

import warnings
from pathlib import Path


def cif_files(folder: Path) -> list[Path]:
    """List the CIFs in a folder and the folders in it, sorted."""
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() == ".cif" and path.is_file())


def cif_formulas(text: str) -> list[str | None]:
    """Read the composition of each structure in a CIF.

    The stated sum formula comes first, since it counts atoms that a refinement did not locate.

    Args:
        text: the contents of a CIF.

    Returns:
        A formula a structure, such as `Ca1C1O3`; one None stands for a CIF that cannot be read.
    """
    from pymatgen.io.cif import CifFile

    try:
        blocks = [block.data for block in CifFile.from_str(text).data.values()]
    except Exception:  # pymatgen raises whatever its tokenizer stumbles over
        return [None]
    stated = [block.get("_chemical_formula_sum") for block in blocks if "_cell_length_a" in block]
    formulas = ["".join(formula.split()) for formula in stated if formula and formula.strip("? .'\"")]
    return [*formulas] if formulas and len(formulas) == len(stated) else _site_formulas(text)


def _site_formulas(text: str) -> list[str | None]:
    from pymatgen.io.cif import CifParser

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # Sites that refinements filled a little over full count as written.
            structures = CifParser.from_str(text, occupancy_tolerance=1.1).parse_structures(primitive=False)
    except Exception:  # as above
        return [None]
    return [structure.composition.formula.replace(" ", "") for structure in structures] or [None]
