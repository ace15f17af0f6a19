"""Recognise the label of a summary row, such as `Mean (SD)`, `Gesamt` or `N = 12`, among identifiers."""

from __future__ import annotations

import re
import unicodedata

LONGEST_LABEL = 60
_SUMS = """
    total totals totale totaux totaal totalt toplam gesamt gesamtsumme gesamtergebnis gesamtzahl insgesamt summe suma
    somme somma soma summa sum sums sumas razem celkem osszesen yhteensa ialt subtotal zwischensumme teilergebnis
    zwischenergebnis tussentotaal eindtotaal subtotale sottototale ensemble overall allemaal ogolem ogołem łacznie spolu
    ukupno skupaj summary zusammenfassung resume resumen riepilogo
    合計 総計 合计 总计 总数 小計 小计 합계 총계 итого всего сумма σύνολο סהכ
"""
_MEANS = """
    mean means average averages avg median mittelwert mittel durchschnitt schnitt moyenne mediane mediana media promedio
    gemiddelde gemiddeld mediaan medel medelvarde medelvaerde middelverdi medelverdi gennemsnit gjennomsnitt
    middelvaerdi keskiarvo mediaani srednia prumer atlag ortalama medyan medie prosjek geomean
    平均 平均値 平均值 均值 中央値 中位数 평균 중앙값 среднее медиана μέσος
"""
_SPREADS = """
    std stdev stddev standardabweichung standardafwijking standaarddeviatie standardavvikelse standardafvigelse
    standardavvik keskihajonta ecart deviation desviacion deviazione desvio odchylenie odchylka szoras variance varianz
    varianza variancia variantie quartile quartil quartiles perzentil percentile percentil centile quantile quantil
    interquartile minimum maximum minimo maximo massimo minimumwert maximumwert count counts anzahl effectif effectifs
    nombre numero aantal antal liczba lukumaara pocet kurtosis skewness
    標準偏差 标准差 最大 最小 最大値 最小値 最大值 最小值 표준편차 ско
"""
# Words that may also be the initials or the name of a patient.
_AMBIGUOUS = """
    sd s.d. sem se min max n cv var iqr range q1 q2 q3 q4 qu p5 p10 p25 p50 p75 p90 p95 ds et med mad mw ci top freq
    gem sr moy prom durchschn odch xbar x̄
    unique missing tot som mini maxi na nas valid number no nr dev lln uln pvalue ø σ ∑ μ range normal limit reference
    all alle tous todos tutti referenz normwert normwerte normbereich referenzbereich referenzwert cutoff norm
"""
_WITH_THEM = """
    of the all patients patient cases rows row records values value and und et y e de des del della du la le les total
    grand sous general generale complessivo geometric geometrisches geometrische arithmetic arithmetisches standard
    estandar dev type tipo std error erreur errore fehler ci confidence interval lower upper st nd rd th deviation
    patienten patients pazienti pacientes rate column spalte s d p pop samp
"""
# Names of groups; as identifiers they stand for the mean of the group.
_OF_GROUPS = """
    group groups gruppe gruppen groupe grupo gruppo groep grupa arm cohort kohorte cluster female females male males
    women men frauen manner femmes hommes mujeres hombres controls control cases case severe mild moderate healthy
    asthma asthmatics smokers nonsmokers responders nonresponders placebo treatment
"""
_GROUPS = frozenset(_OF_GROUPS.split())
_NUMBERED_GROUP = re.compile(
    r"\b(group|gruppe|groupe|grupo|gruppo|groep|grupa|arm|cohort|kohorte|cluster)\W*(?:[a-z]|\d{1,2}|[ivx]+)(?!\S)"
)
# Rows of `describe` in pandas.
_OF_DESCRIBE = re.compile(r"count|mean|std|min|max|top|freq|unique|\d{1,2}(?:\.\d+)?%")
_STATISTICS = frozenset(f"{_SUMS} {_MEANS}".split())
_CERTAIN = frozenset(unicodedata.normalize("NFC", f"{_SUMS} {_MEANS} {_SPREADS}").split())
_SAMPLES = (
    *("qc", "qc sample", "quality control", "control sample", "healthy control", "blank", "lloq", "uloq", "lod", "loq"),
    *("test patient", "testpatient", "dummy patient"),
)
_POSSIBLE = frozenset([*_AMBIGUOUS.split(), *_SAMPLES])
_FILLING = frozenset(_WITH_THEM.split())
_WORD = re.compile(r"[^\W\d_]+")
# A number beside a word is an identifier (`MEAN01`, `TOTAL-003`, `Sum 3`) unless it is set apart as a result.
_RESULT = re.compile(r"[=:(%±]|\b\d+(?:st|nd|rd|th)\b|percentil|perzentil|quantil")
# A percentile, a p-value, or a formula that was not computed.
# Statistical programs write percentiles in lower case; `P25` numbers a patient.
_NUMBERED_PATIENT = re.compile(r"P\d+")
_ALONE = re.compile(r"\d{1,2}(?:\.\d)?\s*%|p[- ]value|=\s*[^\W\d_.]+[\w.]*\(.*")


def summary_label(text: str) -> str:
    """Return whether a text is the label of a summary row.

    Parameters
    ----------
    text : str
        An identifier, or the first cell of a row.

    Returns
    -------
    {"", "group", "possible", "certain"}
        Possible if the text may also be the initials of a patient, such as `SD` or `Max`, or has other words.

    Examples
    --------
    >>> summary_label("p25"), summary_label("P25")
    ('possible', '')
    >>> [summary_label(text) for text in ("Mean (SD)", "Gesamt", "N = 12", "25%", "TOTAL-003", "MEAN01", "S01")]
    ['certain', 'certain', 'possible', 'certain', '', '', '']
    >>> summary_label("Group A"), summary_label("severe mean"), summary_label("min"), summary_label("Min")
    ('group', 'certain', 'certain', 'possible')
    """
    plain = _NUMBERED_GROUP.sub(r"\1", _without_accents(text.strip().casefold()))
    if _OF_DESCRIBE.fullmatch(text.strip()):
        return "certain"
    if len(text) > LONGEST_LABEL or _NUMBERED_PATIENT.fullmatch(text.strip()):
        return ""
    if _ALONE.fullmatch(plain) or plain in _POSSIBLE:
        return "possible"
    has_number = any(sign.isdigit() for sign in plain)
    if has_number and not _RESULT.search(plain):
        return ""
    return _label_of_words(plain, set(_WORD.findall(plain)), has_number)


def _label_of_words(plain: str, words: set[str], has_number: bool) -> str:
    """Whether some words are the label of a summary: all of them are its words, or one of them at the end."""
    if words & _GROUPS and words <= _GROUPS | _FILLING:
        return "group"
    if not words <= _CERTAIN | _POSSIBLE | _FILLING | _GROUPS:
        ends = plain.split()
        is_at_end = len(ends) > 1 and not has_number and not {ends[0], ends[-1]}.isdisjoint(_STATISTICS)
        return "possible" * is_at_end
    return "certain" if words & _CERTAIN else "possible" * bool(words & _POSSIBLE)


def _without_accents(text: str) -> str:
    parts = unicodedata.normalize("NFKD", text)
    return unicodedata.normalize("NFC", "".join(sign for sign in parts if not unicodedata.combining(sign)))


def may_be_label(text: str) -> bool:
    """Whether a text is worth a look by `summary_label`: most identifiers have a digit and no sign beside it.

    Examples
    --------
    >>> may_be_label("P00017"), may_be_label("Mean"), may_be_label("N = 12")
    (False, True, True)
    """
    if len(text) <= 3:
        return bool(text)
    return not any("0" <= sign <= "9" for sign in text) or any(sign in text for sign in "=%:( ")
