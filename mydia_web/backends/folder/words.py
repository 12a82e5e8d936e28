"""Words in names that are no part of a title: of releases, editions, sorting folders, and of
nothing at all.
"""

import re

#: No letter or digit stands before, or behind.
BEGIN = r"(?<![^\W_])"
END = r"(?![^\W_])"


def one_of(table: str) -> str:
    """Return a pattern for the words of a table, where `~` is a space, dot, dash or nothing."""
    return "(?:" + "|".join(table.split()).replace("~", "[ ._-]?") + ")"


def groups(match: re.Match[str]) -> dict[str, str]:
    """Return the groups that hold something, with `number_2` under the name `number`."""
    return {name.partition("_")[0]: value for name, value in match.groupdict().items() if value}


def verbose(pattern: str) -> re.Pattern[str]:
    """Compile a pattern in verbose form that ignores case."""
    return re.compile(pattern, re.VERBOSE | re.IGNORECASE)


_QUALITY = one_of(r"""
    \d{3,4}[pi] (?:1920|1280|848|720|640)x\d{3,4} [48]k uhd hdr(?:10)?\+? dolby~vision dovi
    web web~dl web~rip hdtv sdtv pdtv dsr tvrip hdrip vhs(?:rip)? ntsc pal hddvd
    dvd dvd~(?:rip|scr|r|5|9) blu~ray bd(?:rip|remux|25|50)? brrip remux
    [xh]~26[45] hevc avc xvid divx 10bit 8bit hi10p
    aac\d? ac3 eac3 dts(?:-?(?:hd|es|x))? ddp?\d? truehd atmos flac
""")
#: No title holds one of these.
_SURE = one_of(r"\d{3,4}[pi] [xh]~26[45] hevc blu~ray bdrip brrip dvdrip web~(?:dl|rip) hdtv xvid")
_STATE = one_of(r"""
    proper repack rerip internal limited unrated uncut extended director'?s theatrical remastered
    restored imax criterion final~cut recut special~edition complete retail read~nfo hybrid
    open~matte 3d h-?sbs hou multi dual(?:~audio)? dubbed subbed subs? vostfr vff vfq vf2?
    truefrench subfrench ml dl md ld hc line cam ts tc r5 scr screener workprint nordic hardcoded
    v\d nf amzn dsnp hulu hmax atvp itunes pcok us uk
""")
_LANGUAGE = one_of("""
    german french english eng italian ita spanish esp castellano latino portuguese brazilian dutch
    nl polish pl russian rus czech hungarian swedish danish norwegian finnish japanese jpn korean
    kor chinese mandarin cantonese hindi tamil telugu malayalam turkish greek hebrew arabic ukr
    ukrainian thai vietnamese
""")
#: In capitals between title and year.
_SHOUTED = one_of("""
    EXTENDED UNRATED UNCUT THEATRICAL REMASTERED RESTORED RECUT IMAX LIMITED INTERNAL PROPER REPACK
    DC COMPLETE GERMAN FRENCH TRUEFRENCH ITALIAN SPANISH MULTI DUAL
""")
_CUT = one_of("""
    extended director'?s theatrical final special collector'?s ultimate anniversary unrated uncut
""")

#: A plain title does not hold these; guessit reads names that have them.
RELEASE = verbose(rf"""
    {BEGIN} (?: {_QUALITY} | proper | repack ) {END}
  | [\[\]{{}}_]
  | \(.*\)$
""")
_QUALITY_WORD = verbose(rf"[ ._(\[-]* {BEGIN} {_QUALITY} {END}")
_SURE_QUALITY = verbose(rf"[ ._(\[-]* {BEGIN} {_SURE} {END}")
_RELEASE_START = verbose(rf"[\[({{] | (?: {_QUALITY} | {_STATE} | {_LANGUAGE} ) {END}")
_EDITION = re.compile(
    rf"[ ._-]+ (?: {_SHOUTED} | (?i: {_CUT} [ ._] (?:cut|edition|version) ) ) [ ._-]* $",
    re.VERBOSE,
)
_YEAR = re.compile(r"(?<!\d)(?:19|20)\d\d(?!\d)")

#: Folders that sort things and name none of them.
_SORTING = one_of(r"""
    movies? films? filme videos? media tv tv~shows? tv~series tv~programmes shows? series serien
    serie serie~tv séries anime animes animation cartoons? kids children family documentar(?:y|ies)
    docu(?:s|mentaries)? dokus dokumentationen downloads? completed? incoming unsorted torrents?
    usenet nzb new misc various other 4k uhd hd sd 3d library mediathek data nas disks? drives?
    storage shares? volume\d mnt home public collections? box~sets? peliculas películas filmes filmy
    seriale filmek sorozatok elokuvat sarjat filmer фильмы сериалы мультфильмы аниме 电影 電影
    电视剧 電視劇 动漫 動漫 アニメ 映画 ドラマ 영화 드라마 애니
    action adventure comedy crime drama fantasy history horror music mystery romance sci-?fi
    thriller war western classics
    [a-z] [a-z0#]-[a-z9] \# 0-9 (?:19|20)\d0s (?:19|20)\d\d-(?:19|20)?\d\d
""")
_BEFORE_SORTING = one_of("""
    4k uhd hd 3d kids anime foreign new old all our the seen unseen watched unwatched my
""")
_CATEGORY = verbose(rf"""
    (?: {_BEFORE_SORTING} [ ._-] )*
    {_SORTING}
    # A number, or a remark in brackets that is no year.
    (?: [ ._-]? (?: \d{{1,2}} | \( (?!\d{{4}}\)) [^)]* \) | \[ (?!\d{{4}}\]) [^\]]* \] ) )?
""")
#: Folders between a title's and its files, which say how it is stored.
_STORED = one_of("""
    hd sd main main~(?:feature|movie|film|title) feature movie film videos? rip raw mkv mp4 avi
    dub(?:bed)? sub(?:bed)? uncensored censored remastered
""")
_STORAGE = verbose(rf"""
    (?: {_QUALITY} | {_STORED} | {_LANGUAGE} )
    (?: [ ._-] (?: {_QUALITY} | {_LANGUAGE} ) )*
""")
_DIVISION = verbose(r"""
    (?: book | arc | cour | part | chapter | block | saga | volume | vol\.? | disc
      | teil | band | buch | kapitel | tome | livre | libro | parte )
    [ ._-]* (?: \d{1,3} | [ivx]{1,4} | one | two | three | four | five | six )
  | mini-?series | episodes? | folgen | main[ ._]series | tv
""")
#: `S01-S03`, `Seasons 1-4`, `Complete Series`.
_SEVERAL_SEASONS = verbose(r"""
    (?: s | seasons?[ ._-]* ) \d{1,2}
    [ ._]* (?: - | – | to ) [ ._]*
    (?: s | season )? [ ._]* \d{1,2} .*
  | (?: the[ ._] )? complete[ ._] (?: series | collection | show ) .*
  | all[ ._]seasons
""")
_DISC = verbose(r"""
    (?: cd | disc | disk | dvd | bd | blu-?ray | vol(?:ume)?\.? ) [ ._-]? (?P<number>\d{1,2})
""")

#: Names of files that say nothing of what is in them, with or without a number.
_NOTHING = one_of("""
    movie film video main feature title film~file default untitled unknown unnamed new file media
    output stream clip track chapter kapitel recording capture playlist episode part pt cd disc disk
    dvd scene full~movie main~movie main~feature movie~file download rip remux encode sample test
    video~ts final index tmp temp
""")
_GENERIC = verbose(rf"""
    (?:the[ ._-])? {_NOTHING} [ ._-]* (?: \d{{1,6}} | \(\d{{1,3}}\) )?
  | (?:the[ ._-])? (?:movie|film|video) [ ._-] (?:1080p|720p|hd|4k)
    # Files of discs.
  | title[ ._-]?t?\d{{1,3}} | t\d{{1,3}} | vts[ ._-]\d\d[ ._-]\d | vob\d* | \d{{5}}
  | [a-z]\d{{3,4}}[ ._-]t\d\d | \d{{1,2}}
    # Checksums, and ids that programs make up.
  | [0-9a-f]{{16,}} | [0-9a-f]{{8}}-(?:[0-9a-f]{{4}}-){{3}}[0-9a-f]{{12}} | [A-Za-z0-9]{{28,}}
""")
#: Names that cameras, telephones and recorders give.
_CAMERA = one_of(r"img dsc[nf]? mvi mov vid gopr gp gh gx dji pxl mah hpim cimg sam avseq p\d{3}")
_RECORDER = one_of("img vid pxl screen~recording bildschirmaufnahme whatsapp~video new~recording")
_RECORDED = verbose(rf"""
    {_CAMERA} [_-]? \d{{4,8}} {END} .*
  | {_RECORDER} [ ._-]* \d .*
    # Date and time.
  | \d{{6}} [ ._-] \d{{4,6}}
  | (?:19|20)\d{{6}} [ ._-]? \d{{4,9}} .*
  | (?:19|20)\d\d-\d\d-\d\d [ ._t-]+ (?:at[ ])? \d\d [ ._:-] \d\d .*
""")


def is_division(folder: str) -> bool:
    """Return whether a folder is called like a part of any show: `Book One`, `Arc 2`."""
    return bool(_DIVISION.fullmatch(folder.strip()))


def is_category(folder: str) -> bool:
    """Return whether a folder sorts titles and names none: `Movies`, `4K Anime`, `A-Z`."""
    return bool(_CATEGORY.fullmatch(folder.strip()))


def is_storage(name: str) -> bool:
    """Return whether a name says only how files are stored: `1080p`, `Main Movie`."""
    is_format = _STORAGE.fullmatch(name.strip(" []()"))
    return bool(is_format or _SEVERAL_SEASONS.fullmatch(name.strip()))


def disc_of(folder: str) -> int | None:
    """Return the number of a disc's folder: `Disc 2` → 2."""
    match = _DISC.fullmatch(folder.strip())
    return int(match["number"]) if match else None


def is_generic(stem: str) -> bool:
    """Return whether a file's name tells nothing: `movie`, `title_t00`, a checksum, a quality."""
    name = stem.strip(" ._-")
    return not name or bool(_GENERIC.fullmatch(name)) or is_storage(name)


def is_recorded(stem: str) -> bool:
    """Return whether a camera gave the name: `IMG_0012`, `20190501_123456`."""
    return bool(_RECORDED.fullmatch(stem.strip()))


def until_release(text: str) -> str:
    """Return the text before the first word that no title holds.

    `Pier FRENCH BluRay` → `Pier FRENCH`.
    """
    match = _SURE_QUALITY.search(text)
    if not match or not match.start():
        return text
    return text[: match.start()]


def before_quality(text: str) -> str:
    """Return the text before the first word of quality, without years."""
    match = _QUALITY_WORD.search(text)
    if match:
        text = text[: match.start()]
    return _YEAR.sub("", text)


def begins_release(text: str) -> bool:
    return bool(_RELEASE_START.match(text))


def without_edition(title: str) -> str:
    """Return a title without the editions behind it: `World Z EXTENDED` → `World Z`."""
    while not title.isupper() and (match := _EDITION.search(title)):
        title = title[: match.start()]
    return title
