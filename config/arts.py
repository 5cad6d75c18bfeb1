"""Drawn pictures for goods and shops that have no photograph; `{% art thing %}` chooses among them.

Each name is a file of config/static/shared/art; catalogues name one in their `art` column.
"""

ARTS = (
    # meals
    "bowl", "hotpot", "dumplings", "rice", "soup", "skewer", "tea", "coffee",
    # groceries
    "milk", "yoghurt", "eggs", "bread", "fruit", "vegetables", "tomato", "juice", "fish",
    # card keys
    "card-key", "card-cloud", "card-phone", "card-music",
    # places and ways
    "shop-front", "depot", "bike", "parcel",
)  # fmt: skip

OF_TRADE = {"MEAL": "bowl", "GROCERY": "vegetables", "DIGITAL": "card-key"}


def art_of(thing: object) -> str:
    """Name the drawing for a shop, a good, a trade or a name; `parcel` when nothing fits."""
    if isinstance(thing, str):
        name, trade = thing, thing
    else:
        name = getattr(thing, "art", "")
        trade = getattr(thing, "trade", "") or getattr(getattr(thing, "shop", None), "trade", "")
    if name in ARTS:
        return name
    return OF_TRADE.get(str(trade), "parcel")
