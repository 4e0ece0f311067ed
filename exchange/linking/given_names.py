"""Given names that are forms of one another: a table to read and mend, not a rule that guesses.

A form is never counted as the full name. What is not in the table is another name, however alike it looks:
Jean is not Jane, and a person looks.
"""

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

#: Each line one name: its short forms and its spellings, without accents. A short form may be several names'.
_FORMS = """
abigail abbie abby gail
alan allan allen al
albert al bert bertie
alexander alex alec alick sandy xander
alexandra alex alexa sandra sandy lexi
alfred alf alfie fred
alice ali alicia
alison allison ali
amanda mandy
andrew andy drew
angela angie ange
ann anne anna annie
anthony antony tony
arthur art
barbara barb babs
benjamin ben benny
bernard bernie
beverley beverly bev
bridget biddy bridie
caroline carol carolyn carrie
catherine katherine kathryn catharine katharine cathryn kate katie kathy cathy kath kitty cath
charles charlie chas chuck
charlotte charlie lottie
christine christina chris chrissie tina
christopher chris kit topher
clare claire
daniel dan danny
danielle dani
david dave davey davy dai
deborah debra debbie deb
denise denny
derek derrick del
dominic dominick dom
donald don
dorothy dot dottie dolly
edmund ed eddie ned ted
edward ed eddie ned ted teddy
eleanor elinor ellie nell nora
elizabeth elisabeth liz lizzie beth betty bess eliza elsie libby lisa betsy
emily em emmy
eric erik
frances fran francesca
francis frank fran
frederick frederic fred freddie
gabrielle gabby gaby
geoffrey jeffrey geoff jeff
george georgie
gerald gerry jerry
gerard gerry gerald
gillian jillian gill jill
graham graeme grahame
gregory greg
harold harry hal
harriet hattie
hannah hanna
helen helena ellen
henry harry hal
hugh huw hughie
ian iain
isabel isabelle isobel izzy bella isabella
jack john jackie
jacob jake
jacqueline jackie jacqui
james jim jimmy jamie
janet jan
janice jan
jasmine jas
jeremy jerry
jennifer jen jenny jennie
jessica jess jessie
joan joanie
joanne joanna jo
john jon jack johnny
jonathan jonathon johnathan jon jonny
joseph joe joey
josephine jo josie
joshua josh
judith judy jude
julia julie
juliet juliette
karen karin
kenneth ken kenny
kevin kev
kimberley kimberly kim
lawrence laurence larry laurie
leonard len lenny leo
lesley leslie les
lewis louis lou
lillian lilian lily
linda lynda lin lyn
louise lou
lucy lucie
lynn lynne lyn
malcolm mal
margaret maggie meg peggy peg margie marge madge rita greta
maria marie
mark marc
martin martyn marty
mary molly polly may
matthew mathew matt matty
maureen mo
maurice morris mo
maxwell max
megan meg
melanie mel
melissa mel
michael mike mick micky mickey
michelle shelly chelle
mildred millie
mohammed muhammad mohammad mohamed muhammed mohamad muhamad mohd md mo
nancy nan
natalie nathalie nat
nathan nathaniel nat nate
neil neal niall
nicholas nicolas nick nicky
nicola nicky nikki
norman norm
oliver ollie
olivia liv livvy
pamela pam
patricia pat patsy tricia trish
patrick pat paddy
pauline paula
peter pete
philip phillip phil
philippa pippa pip
phyllis phyl
rachel rachael rach
raymond ray
rebecca becky becca bex
reginald reg reggie
richard rich rick ricky dick
robert rob robbie bob bobby bert
roderick rod roddy
roger rodger
ronald ron ronnie
rosemary rose rosie
russell russ
ruth ruthie
samantha sam
samuel sam sammy
sandra sandy
sarah sara sally
sean shaun shawn
sharon shaz
sheila shelagh sheelagh
shirley shirl
simon si
sophie sophia
stephanie steph
stephen steven steve stevie
stuart stewart stu
susan suzanne susanna susannah sue susie suzie
sylvia sylvie
teresa theresa terri tess
terence terrance terry
theodore theo ted teddy
thomas tom tommy
timothy tim
tobias toby
tracey tracy
valerie val
veronica ronnie
victor vic
victoria vicky vicki tori
vincent vince vinnie
vivien vivienne viv
walter walt wally
wendy wend
wilfred wilf
william bill billy will willie liam
winifred win winnie
yvonne von
zachary zach zak
zoe zoey
"""

#: First names that several of a family bear, and that the second tells apart: Muhammad Ali, Abdul Karim.
_SHARED_FIRST = frozenset({"abdul", "abdel", "abd", "bibi", "maria", "mary", "syed", "sayed", "sheikh"})

#: What is written where a baby has no name yet, or nobody knew one.
_PLACEHOLDERS = frozenset({
    "babe", "baby", "babyboy", "babygirl", "bb", "boy", "child", "female", "fetus", "foetus", "girl", "inf",
    "infant", "male", "newborn", "neonate", "nn", "triplet", "twin", "unborn", "unidentified", "unknown",
    "unnamed",
})  # fmt: skip

_ORDINALS: Mapping[str, int] = MappingProxyType({
    "1": 1, "one": 1, "i": 1, "a": 1, "first": 1, "1st": 1,
    "2": 2, "two": 2, "ii": 2, "b": 2, "second": 2, "2nd": 2,
    "3": 3, "three": 3, "iii": 3, "c": 3, "third": 3, "3rd": 3,
})  # fmt: skip

TITLES = frozenset(
    {"mr", "mrs", "ms", "miss", "mx", "dr", "doctor", "master", "prof", "professor", "rev", "sir", "lady"}
)


def _by_form(lines: Iterable[str]) -> Mapping[str, frozenset[int]]:
    found: dict[str, set[int]] = {}
    for number, line in enumerate(lines):
        for form in line.split():
            found.setdefault(form, set()).add(number)
    return MappingProxyType({form: frozenset(numbers) for form, numbers in found.items()})


_NAMES_OF = _by_form(line for line in _FORMS.splitlines() if line)
_MUHAMMAD = _NAMES_OF["muhammad"]


def are_forms_of_one(one: str, other: str) -> bool:
    """Whether the table has both as forms of one name.

    >>> are_forms_of_one("liz", "elizabeth"), are_forms_of_one("jane", "jean")
    (True, False)
    """
    return bool(_NAMES_OF.get(one, frozenset()) & _NAMES_OF.get(other, frozenset()))


def is_shared_first(word: str) -> bool:
    """Whether the name after it tells brothers and sisters apart."""
    return word in _SHARED_FIRST or (word != "mo" and bool(_NAMES_OF.get(word, frozenset()) & _MUHAMMAD))


def is_placeholder(words: Sequence[str]) -> bool:
    """Whether these stand where a given name should.

    >>> is_placeholder(["baby", "of", "jane"]), is_placeholder(["twin2"]), is_placeholder(["babette"])
    (True, True, False)
    """
    if not words:
        return False
    return words[0].rstrip("0123456789") in _PLACEHOLDERS or words[:2] == ["b", "o"]


def order_in(words: Sequence[str]) -> int | None:
    """Which of a multiple birth a placeholder names.

    >>> order_in(["twin", "two"]), order_in(["twin1"]), order_in(["baby"])
    (2, 1, None)
    """
    for word in words:
        if (order := _ORDINALS.get(word)) is not None:
            return order
        digits = word[len(word.rstrip("0123456789")) :]
        if digits and word != digits and digits in _ORDINALS:
            return _ORDINALS[digits]
    return None
