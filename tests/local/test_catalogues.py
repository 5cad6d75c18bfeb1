"""Catalogues are compiled when they are newer, and a broken one is named."""

import gettext
import os

import pytest

from config.local.catalogues import compile_catalogues
from config.local.places import CannotStart

PO = 'msgid ""\nmsgstr "Content-Type: text/plain; charset=UTF-8\\n"\n\nmsgid "Pay"\nmsgstr "支付"\n'


@pytest.fixture
def catalogue(tmp_path):
    path = tmp_path / "storefront" / "zh_Hans" / "LC_MESSAGES" / "django.po"
    path.parent.mkdir(parents=True)
    path.write_text(PO, encoding="utf-8")
    return path


def test_compiles_what_is_new_and_nothing_twice(tmp_path, catalogue):
    assert compile_catalogues(tmp_path) == [catalogue.with_suffix(".mo")]
    with catalogue.with_suffix(".mo").open("rb") as handle:
        assert gettext.GNUTranslations(handle).gettext("Pay") == "支付"
    assert compile_catalogues(tmp_path) == []
    later = catalogue.with_suffix(".mo").stat().st_mtime + 5
    os.utime(catalogue, (later, later))
    assert compile_catalogues(tmp_path) == [catalogue.with_suffix(".mo")]


def test_names_a_file_that_cannot_be_read(tmp_path, catalogue):
    catalogue.write_text(PO + 'msgid "Pay twice\n', encoding="utf-8")
    with pytest.raises(CannotStart, match=r"django\.po"):
        compile_catalogues(tmp_path)
