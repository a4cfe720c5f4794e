"""What is taken out of the words of others before they are shown."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mattransformer.errors import without_secrets

TOKEN = "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"


def test_a_token_a_piece_of_it_and_a_short_password_are_replaced_and_chemistry_is_not() -> None:
    said = f"no right for {TOKEN}, or {TOKEN[:10]}, by pw:Sr of SrTiO3"
    assert (
        without_secrets(said, [TOKEN, None, ""]) == "no right for <secret>, or <secret>, by pw:Sr of SrTiO3"
    )
    assert without_secrets("bob:s3c@host", ["s3c"]) == "bob:<secret>@host"


@given(before=st.text(), after=st.text(), start=st.integers(0, 20), size=st.integers(8, 17))
def test_no_eight_characters_of_a_token_in_a_row_are_left(
    before: str, after: str, start: int, size: int
) -> None:
    said = without_secrets(f"{before}{TOKEN[start : start + size]}{after}", [TOKEN])
    assert not any(TOKEN[at : at + 8] in said for at in range(len(TOKEN) - 7))
