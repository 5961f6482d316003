"""The words of the reviews that `reviews.py` writes, by what they say of a film."""

GOOD, BAD = "good", "bad"


def words(text: str) -> list[str]:
    """Its words."""
    return text.split()


ADJECTIVES = {
    GOOD: words(
        "good great fine wonderful brilliant excellent superb funny witty clever "
        "moving touching gripping thrilling charming delightful beautiful gorgeous "
        "lovely elegant tender warm heartfelt smart sharp fresh original inventive "
        "imaginative inspired compelling absorbing engaging entertaining enjoyable "
        "amusing hilarious exciting powerful subtle convincing believable memorable "
        "unforgettable rewarding satisfying impressive stunning dazzling masterful "
        "splendid magnificent marvellous terrific fantastic amazing perfect "
        "outstanding remarkable refreshing lively vivid graceful intelligent "
        "thoughtful poignant uplifting joyous polished flawless first-rate "
        "worthwhile fascinating hypnotic nuanced spirited endearing riveting sensitive"
    ),
    BAD: words(
        "bad poor awful terrible horrible dreadful boring dull tedious tiresome "
        "bland flat lifeless stale predictable clichéd contrived clumsy awkward wooden "
        "hollow shallow empty pointless senseless silly stupid idiotic ridiculous "
        "annoying irritating grating unfunny unconvincing implausible incoherent "
        "confused muddled messy sloppy lazy uninspired unoriginal derivative "
        "forgettable disappointing frustrating ugly cheap tacky cheesy overlong "
        "bloated plodding sluggish drab dreary mediocre weak thin feeble inept "
        "amateurish pretentious tasteless offensive unbearable unwatchable "
        "laughable pathetic worthless wretched lame vapid tired heavy-handed mawkish "
        "trite limp soulless"
    ),
}
# "Not perfect" is no blame, and "not unwatchable" no praise.
EXTREME = words(
    "perfect flawless unforgettable stunning dazzling superb brilliant magnificent "
    "amazing outstanding masterful unwatchable unbearable worthless idiotic "
    "offensive"
)
NOUNS = {
    GOOD: words(
        "charm wit heart style warmth imagination energy grace humour tenderness "
        "intelligence originality depth life passion magic tension surprises"
    ),
    BAD: words(
        "clichés holes boredom nonsense mistakes stereotypes sentimentality noise "
        "coincidences platitudes stupidity padding"
    ),
}
FEEL = {
    GOOD: words("love like enjoy adore admire recommend"),
    BAD: words("hate dislike loathe regret despise detest"),
}
FELT = {
    GOOD: words("loved liked enjoyed adored admired recommended"),
    BAD: words("hated disliked loathed regretted despised detested"),
}
VERDICTS = {
    GOOD: (
        "I would watch it again",
        "I could watch it all day",
        "don't miss it",
        "go and see it",
        "see it twice",
        "it is well worth your time",
        "it is worth every penny",
        "two thumbs up",
        "highly recommended",
        "I laughed until I cried",
        "it kept me on the edge of my seat",
        "the time flew by",
        "I was moved to tears",
        "it deserves every award",
        "five stars",
        "it works from start to finish",
        "it is a joy to watch",
        "it is a triumph",
        "it is a masterpiece",
        "it is a gem",
        "the audience cheered",
        "I left the cinema smiling",
    ),
    BAD: (
        "I walked out",
        "I fell asleep",
        "I want my money back",
        "don't waste your time",
        "save your money",
        "stay at home",
        "it is a waste of time",
        "it is not worth your time",
        "two thumbs down",
        "not recommended",
        "I looked at my watch all the time",
        "I did not laugh once",
        "nobody in the audience laughed",
        "it goes nowhere",
        "it falls apart",
        "one star",
        "it fails from start to finish",
        "it is a chore to watch",
        "it is a disaster",
        "it is a mess",
        "it is a bore",
        "I left the cinema angry",
    ),
}
BEST = {
    GOOD: ("best", "funniest", "finest", "cleverest", "loveliest"),
    BAD: ("worst", "dullest", "silliest", "poorest", "laziest"),
}
FILMS = words(
    "film movie film movie picture comedy thriller drama romance sequel documentary "
    "western musical mystery fantasy remake debut"
)
PARTS = words(
    "plot story script acting dialogue direction ending opening music score "
    "photography editing rhythm premise cast lead hero heroine villain pacing "
    "soundtrack screenplay camera finale"
)
MANY_PARTS = words(
    "jokes characters performances effects songs twists actors costumes scenes stunts "
    "gags dialogues"
)
