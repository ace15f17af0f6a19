"""Words of cells: levels in many languages, and what stands for missing."""

from __future__ import annotations

import unicodedata

import pytest

from asthma_ml.patients.columns.level_text import read_level, read_missing
from asthma_ml.patients.columns.words import codes_of, level_of, means_missing
from asthma_ml.variables import data_dictionary

SEX = """
female male, weiblich männlich, Frau Mann, féminin masculin, femme homme, mujer hombre, femenino masculino,
femmina maschio, donna uomo, mulher homem, feminino masculino, vrouw man, kvinna man, kvinde mand, kvinne mann,
nainen mies, kobieta mężczyzna, žena muž, nő férfi, femeie bărbat, γυναίκα άνδρας, женский мужской, жінка чоловік,
kadın erkek, KADIN ERKEK, 女性 男性, 女 男, 여성 남성, 여 남, 8532 8507, 8532.0 8507.0, 248152002 248153007"""
FLAGS = """
yes no, true false, 1 0, 1.0 0.0, ja nein, oui non, sí no, si no, sì no, sim não, ja nee, ja nej, ja nei, kyllä ei,
tak nie, ano ne, igen nem, da nu, ναι όχι, да нет, так ні, evet hayır, EVET HAYIR, はい いいえ, あり なし, 有 無,
是 否, 有 无, 예 아니오, 있음 없음, Positive Negative, positiv negativ, présent absent, Present Absent,
checked unchecked, Detected Not_detected, LA33-6 LA32-8, 373066001 373067005, 陽性 陰性, vrai faux, wahr falsch"""
SMOKING = """
never former current, nie ehemalig aktuell, jamais ex-fumeur fumeur, nunca exfumador fumador, mai ex-fumatore fumatore,
nunca ex-fumante fumante, nooit ex-roker roker, aldrig tidigare rökare, aldrig tidligere ryger, aldri tidligere røyker,
ei_koskaan entinen nykyinen, nigdy były obecnie, nikdy bývalý současný, soha leszokott dohányzik,
niciodată fost fumător, ποτέ πρώην νυν, никогда бывший курит, ніколи колишній курить, hiç bırakmış içiyor,
喫煙歴なし 過去喫煙 現在喫煙, 从不吸烟 已戒烟 吸烟, 從不吸菸 已戒菸 吸菸, 전혀_없음 과거흡연 현재흡연,
266919005 8517006 77176002, LA18978-9 LA15920-4 LA18976-3, never_smoker ex-smoker current_every_day_smoker"""
MARKERS = ["", "NA", "<NA>", "#N/A", "#NULL!", "(null)", r"\N", ".a", ".z", "-", "--", "–", "n.a.", "NaT", "."]
NOT_STATED = """
unknown, UNK, not done, Not performed, pending, HEMOLYZED, declined, not-asked, asked-declined, unbekannt, k.A.,
nicht durchgeführt, non réalisé, desconocido, não sabe, sconosciuto, onbekend, okänd, ukendt, ei tiedossa, nieznany,
neznámý, ismeretlen, necunoscut, άγνωστο, неизвестно, невідомо, bilinmiyor, 不明, 未测, 모름, NASK, ASKU, ?,
9 - Unknown, #DIV/0!, none"""


def listed(text: str) -> list[str]:
    return [each.strip() for each in text.replace("\n", " ").split(",")]


@pytest.mark.parametrize(
    ("name", "words", "levels"),
    [
        *(("sex", words.split(), ["female", "male"]) for words in listed(SEX)),
        *(("nasal_polyps", words.split(), [1.0, 0.0]) for words in listed(FLAGS)),
        *(("smoking_status", words.split(), ["never", "former", "current"]) for words in listed(SMOKING)),
    ],
)
def test_words_of_many_languages(name: str, words: list[str], levels: list[object]) -> None:
    variable = data_dictionary()[name]
    assert [read_level(word, variable).value for word in words] == levels
    assert [read_level(unicodedata.normalize("NFD", word.upper()), variable).value for word in words] == levels


@pytest.mark.parametrize(
    ("text", "level"),
    [
        ("Current every day smoker", "current"),
        ("Never smoked tobacco (finding)", "never"),
        ("Former smoker", "former"),
        ("Ex-smoker (finding)", "former"),
        ("Smokes tobacco daily (finding)", "current"),
        ("Occasional tobacco smoker", "current"),
        ("1 - Never", "never"),
    ],
)
def test_phrases_of_terminologies(text: str, level: str) -> None:
    assert read_level(text, data_dictionary()["smoking_status"]).value == level


@pytest.mark.parametrize(
    ("name", "text"),
    [("smoking_status", "no"), ("smoking_status", "yes"), ("smoking_status", "not a smoker"), ("sex", "no")],
)
def test_a_word_without_a_clear_level_is_an_error(name: str, text: str) -> None:
    assert read_level(text, data_dictionary()[name]).severity == "error"


@pytest.mark.parametrize("text", MARKERS)
def test_what_software_writes_for_missing_is_missing_without_a_word(text: str) -> None:
    reading = read_missing(text, data_dictionary()["feno_ppb"])
    assert reading is not None
    assert (reading.value, reading.rule) == (None, "")


@pytest.mark.parametrize("text", listed(NOT_STATED))
@pytest.mark.parametrize("name", ["feno_ppb", "sex", "atopy"])
def test_words_for_missing_are_missing_with_a_warning(name: str, text: str) -> None:
    reading = read_missing(text, data_dictionary()[name])
    assert reading is not None
    assert (reading.value, reading.severity) == (None, "warning")


def test_other_is_missing_unless_it_is_a_level() -> None:
    dictionary = data_dictionary()
    assert read_level("Other", dictionary["sex"]).severity == "warning"
    assert read_level("Other", dictionary["ancestry"]).value == "other"
    assert not means_missing("Other", dictionary["feno_ppb"])


def test_none_is_a_level_where_the_variable_has_it() -> None:
    dictionary = data_dictionary()
    assert [read_level(word, dictionary["biologic"]).value for word in ("None", "keine", "no", "Xolair")] == [
        *["none"] * 3,
        "anti_ige",
    ]


def test_every_word_has_a_level_of_its_variable() -> None:
    for variable in data_dictionary().values():
        levels = {0.0, 1.0} if variable.kind == "flag" else {*variable.levels}
        codes = codes_of(variable)
        assert {*codes.levels.values()} <= levels
        assert {level for letters in codes.letters for level in letters.values()} <= levels | {""}
        assert not codes.not_stated & codes.levels.keys()


def test_a_level_is_never_a_word_for_missing() -> None:
    for variable in data_dictionary().values():
        words = codes_of(variable).levels.keys() - {"brak", *variable.levels}
        assert not [word for word in words if means_missing(word, variable)]
    assert level_of("brak", data_dictionary()["biologic"]) == "none"


def test_a_code_before_its_word_is_left_out() -> None:
    dictionary = data_dictionary()
    cells = [
        ("sex", "F - Female"),
        ("sex", "1 - Male"),
        ("atopy", "0=No"),
        ("sex", "X-girl"),
        ("smoking_status", "no smoker"),
    ]
    readings = [read_level(text, dictionary[name]).value for name, text in cells]
    assert readings == ["female", "male", 0.0, None, None]


@pytest.mark.parametrize(
    ("text", "level"),
    [
        ("Omalizumab 300 mg s.c.", "anti_ige"),
        ("Mepolizumab (Nucala) 100mg q4w", "anti_il5"),
        ("Dupixent", "anti_il4r"),
        ("Omalizumab stopped 2019", None),
        ("previously Xolair", None),
        ("Xolair, Nucala", None),
        ("no Xolair", None),
        ("300 mg", None),
    ],
)
def test_a_drug_is_found_beside_its_dose(text: str, level: str | None) -> None:
    assert read_level(text, data_dictionary()["biologic"]).value == level


@pytest.mark.parametrize(("text", "value"), [("atopic", 1.0), ("Non-atopic", 0.0), ("nonatopic", 0.0)])
def test_the_flag_itself_as_a_word(text: str, value: float) -> None:
    assert read_level(text, data_dictionary()["atopy"]).value == value
