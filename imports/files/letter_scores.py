"""Score how much words look like names of Europeans, to tell in which encoding they were written.

The sample names stand for the letters outside ASCII, and their neighbors, that lists of Dutch offices have.
"""

import re
from collections import Counter
from collections.abc import Iterator
from functools import cache, lru_cache
from math import log

_SAMPLE_NAMES = """
Amélie André Aimée Chloé Désirée Félix Gérard Hélène Inés José Léon Noémi Océane Régis René Renée Stéphanie Théo
Valérie Zoé Daniël Daniëlle Emiliënne Fabiënne Gabriël Ismaël Joëlle Michaël Michiël Noël Noëlle Raphaël Rafaël Samuël
Zoë Chloë Raphaëlle Beëindigd Coördinator Financiën Reünie België Italië Curaçao Één één Loïs Anaïs Eloïse Héloïse
Aïcha Maïté Loïc Naïma Agnès Adèle Angèle Cécile Geneviève Irène Michèle Thérèse Solène Moïse François Françoise
Gonçalves Conceição Benoît Jérôme Maître Forêt Lévêque Nuñez Muñoz Peña Ibáñez García González Hernández Martínez
Rodríguez Sánchez Pérez López Gómez Díaz Ríos Solís Álvarez Ángel Óscar Íñigo Úrsula Jesús Raúl Sofía María Andrés
Julián João Antônio Ângelo Simões Magalhães Araújo Inês Nicolò Niccolò Forlì Donà Segrè Björn Böhm Göran Köhler König
Löffler Möller Schröder Özdemir Öztürk Österman Günther Günay Gül Jürgen Krüger Müller Süleyman Yüksel Ümit Ünal Übel
Bäcker Jäger Käthe Märta Pär Schäfer Häkkinen Mäkelä Väisänen Ärzte Strauß Weiß Großmann Heß Åke Åsa Håkan Mårten Pål
Ståhl Årnes Ågren Ström Sjögren Søren Sørensen Jørgensen Bjørn Bøe Rønning Øystein Kjær Næss Sæther Lærke Guðrún Þór
Łukasz Łukaszewicz Paweł Michał Wałęsa Jabłoński Zieliński Wiśniewski Woźniak Dąbrowski Wójcik Kępa Piątek Świątek
Śliwa Żak Żółć Grażyna Jędrzej Stępień Rafał Kaźmierczak Małgorzata Černý Novotný Sýkora Čapek Dvořák Dvořáková Jiří
Kateřina Novák Nováková Růžička Řehoř Šimůnek Škoda Štěpán Tomáš Václav Věra Zdeněk Žižka Lukáš Matěj Ondřej Němec
Hruška Kováč Ľubomír Šťastný Kňažko Horňák Vlček Babić Đorđević Jovanović Kovačević Marković Nikolić Petrović Živković
Ďurica Ďaďová Daňko Majeský Kráľ Kiseľ Melicherčík Bečka Tůma Šarić Ćosić Čović Perišić Modrić Miloš Aleš Anže Blaž
Erdős Győző Gergő Jenő Szőke Nagy László Szabó Sándor Zoltán Kovács Tóth Balázs István Árpád Szűcs Hegedűs Örkény Aydın
Ayşe Başak Çelik Çağlar Doğan Erdoğan Işık İbrahim İnci Kılıç Şahin Şimşek Tuğba Yıldız Yılmaz Güneş Gökçe Aslı Özgür
Türkoğlu Koç Ștefan Țiriac Ionuț Brâncuși Mărgineanu Cătălin Bērziņš Kalniņš Žukauskas Šarūnas Kęstutis Jonė Jõgi Tõnu
Tänak d’Hondt D’Angelo O’Brien ’t ’s – €
"""
_JOINING_PUNCTUATION = "’‘´`–—“”„«»…·€°®™"  # in lists, next to or within names


_LATIN_LETTERS = frozenset(filter(str.isalpha, map(chr, range(0xC0, 0x250))))
_FOREIGN_RUN = re.compile(r"[^\W\d_a-zA-Z]{4,}")  # letters of another alphabet


def _iterate_grams(word: str, length: int) -> Iterator[str]:
    padded = f"^{word}$"
    grams = (padded[start : start + length] for start in range(len(padded) - length + 1))
    return (gram for gram in grams if not gram.isascii())


@cache
def _get_samples() -> tuple[dict[str, float], set[str], set[str]]:
    """Return the scores of letters, and the pairs and triples that occur."""
    words = [word for word in _SAMPLE_NAMES.split() if not word.isascii()]
    letters, pairs, triples = (Counter(g for word in words for g in _iterate_grams(word, size)) for size in (1, 2, 3))
    return {char: log(n + 1) for char, n in letters.items()}, set(pairs), set(triples)


@lru_cache(maxsize=16384)
def score_word(word: str) -> float:
    """Return the likelihood of the characters outside ASCII in a word, above zero for a usual name."""
    plain = [char for char in word if char.isascii() and char.isalpha()]
    if len(plain) > 1 and all(map(str.isupper, plain)):
        lower_count = sum(char.islower() and char != "ß" for char in word if not char.isascii())
        return _score_letters(word[0] + word[1:].lower()) - 8 * lower_count
    return _score_letters(word)


def _score_letters(word: str) -> float:
    letter_scores, pairs, triples = _get_samples()
    padded, score = f"^{word}$", -4.0 * sum(map(len, _FOREIGN_RUN.findall(word)))
    for at, char in enumerate(padded):
        if char.isascii():
            continue
        before, after = padded[at - 1], padded[at + 1]
        score += letter_scores.get(char, -2 if char in _LATIN_LETTERS else -8 if char.isprintable() else -18)
        score += 1.5 * ((before + char in pairs) + (char + after in pairs))
        score += before + char + after in triples
        score += 0.7 * ((padded[max(at - 2, 0) : at + 1] in triples) + (padded[at : at + 3] in triples))
        score -= 6 * (char.isupper() and before.islower()) + (char.islower() and before == "^")
        score -= 4 * (char.islower() and after.isupper())
        score -= 4 * (not char.isalpha() and before.isalpha() and after.islower())
    return score


def is_unlikely_word(word: str) -> bool:
    """Return whether a word has a capital after a small letter, or a symbol beside a letter, outside ASCII."""
    for before, char, after in zip(f"^{word[:-1]}", word, f"{word[1:]}$", strict=True):
        if char.isascii():
            continue
        if char.isupper() and before.islower():
            return True
        if not char.isalnum() and (before.isalpha() or after.isalpha()) and char not in _JOINING_PUNCTUATION:
            return True
    return False
