"""Labels that the folders and files of the collections give, in everyday words."""

from __future__ import annotations

import re

from recipes.shipped_model import named

SYNSETS = {"n01440764": "tench", "n02102040": "English springer", "n02979186": "cassette player",
           "n03000684": "chain saw", "n03028079": "church", "n03394916": "French horn", "n03417042": "garbage truck",
           "n03425413": "gas pump", "n03445777": "golf ball", "n03888257": "parachute", "n02086240": "Shih-Tzu",
           "n02087394": "Rhodesian ridgeback", "n02088364": "beagle", "n02089973": "English foxhound",
           "n02093754": "Border terrier", "n02096294": "Australian terrier", "n02099601": "golden retriever",
           "n02105641": "Old English sheepdog", "n02111889": "Samoyed", "n02115641": "dingo"}  # fmt: skip
RENAMED = {"wwe": "wrestling", "motogp": "motorcycle racing", "formula1": "car racing", "football": "soccer"}
ROOMS = {"bathroom": ("bathroom", "room"), "bedroom": ("bedroom", "room", "bed"), "kitchen": ("kitchen", "room"),
         "frontal": ("house", "building")}  # fmt: skip
ALSO = {"flowers": ("flower",), "sports": ("sport",), "activities": ("sport",)}  # what all photos of a source show
NO_LABELS = ("train", "test", "test1", "data")
# Product photos: the plain word for an article, and colours that have a plainer name
ARTICLES = {"Shirts": ("shirt",), "Tshirts": ("tshirt",), "Casual Shoes": ("shoe",), "Sports Shoes": ("shoe",),
            "Formal Shoes": ("shoe",), "Heels": ("heels", "shoe"), "Flats": ("shoe",), "Handbags": ("handbag", "bag"),
            "Watches": ("watch",), "Trousers": ("trousers", "pants"), "Track Pants": ("pants",), "Jeans": ("jeans",),
            "Tops": ("top",), "Sandals": ("sandal",), "Flip Flops": ("flip flop", "sandal"), "Sweaters": ("sweater",),
            "Sweatshirts": ("sweatshirt",), "Shorts": ("shorts",), "Socks": ("sock",), "Wallets": ("wallet",),
            "Belts": ("belt",), "Jackets": ("jacket",), "Kurtas": ("kurtas",), "Kurtis": ("kurtas",),
            "Backpacks": ("backpack", "bag"), "Ties": ("tie",), "Skirts": ("skirt",), "Dresses": ("dress",),
            "Caps": ("cap", "hat"), "Sunglasses": ("sunglasses", "glasses")}  # fmt: skip
COLOURS = {"Navy Blue": ("blue", "navy"), "Turquoise Blue": ("blue", "turquoise"), "Steel": ("silver",),
           "Off White": ("white",), "Charcoal": ("grey",), "Coffee Brown": ("brown",), "Fluorescent Green": ("green",),
           "Burgundy": ("red", "burgundy"), "Maroon": ("red", "maroon"), "Olive": ("green", "olive"),
           "NA": (), "Multi": ()}  # fmt: skip
# What data sets call it, and what people say; "" is no word for what a photo shows
SAID = {"airplanes": "airplane", "buildings": "building", "car side": "car", "cougar body": "cougar",
        "cougar face": "cougar", "crocodile head": "crocodile", "faces": "face", "faces easy": "face",
        "flamingo head": "flamingo", "leaves": "leaf", "leopards": "leopard", "motorbikes": "motorbike",
        "water lilly": "water lily", "flip flops": "flip flop", "handbags": "handbag", "sandals": "sandal",
        "shirts": "shirt", "shoes": "shoe", "sweaters": "sweater", "sweatshirts": "sweatshirt", "tops": "top",
        "tshirts": "tshirt", "wallets": "wallet", "watches": "watch", "kurtis": "kurtas", "ties": "tie",
        "belts": "belt", "caps": "cap", "dresses": "dress", "skirts": "skirt", "jackets": "jacket", "socks": "sock",
        "backpacks": "backpack", "figure skating men": "figure skating", "figure skating pairs": "figure skating",
        "figure skating women": "figure skating", "weight lifting": "weightlifting", "swivel chair": "chair",
        "chest of drawers": "cabinet", "trash can": "rubbish bin", "olympic wrestling": "wrestling",
        "innerwear vests": "underwear", "lounge shorts": "shorts", "sports sandals": "sandal",
        **dict.fromkeys(("apparel", "trade name", "base", "step", "case", "earth", "land", "hood", "booth", "ashcan",
                         "bannister", "washer", "screen door", "buffet", "cradle", "canopy", "grandstand", "blind",
                         "dirt track", "gaga", "ultimate", "back", "high", "looks", "background", "pump", "counter",
                         "travel accessory", "sport", "shoe accessories", "accessory gift set",
                         "free gifts"), "")}  # fmt: skip


def of_path(name: str) -> tuple[str, ...]:
    """Labels that the path of a collection's photo gives.

    >>> of_path("houses/Houses Dataset/459_kitchen.jpg")
    ('kitchen', 'room')
    """
    source, *folder, file = name.split("/")
    last = folder[-1] if folder else ""
    if source in ("imagenette", "imagewoof"):
        return named(SYNSETS[last]) if last in SYNSETS else ()
    if source == "houses":
        return ROOMS.get(file.split("_")[-1].split(".")[0].lower(), ())
    if source == "cats-dogs":
        return (file.split(".")[0],) if file.split(".")[0] in ("cat", "dog") else ()
    if source in ("sports", "activities", "flowers", "pets", "pacs"):
        plain = re.sub(r"[_-]+", " ", last).lower()
        return () if plain in NO_LABELS else (RENAMED.get(plain, plain), *ALSO.get(source, ()))
    return ()


def article(name: str) -> tuple[str, ...]:
    """
    Plain words for a kind of product, then its own name.

    >>> article("Casual Shoes")
    ('shoe', 'casual shoes')
    """
    return tuple(dict.fromkeys([*ARTICLES.get(name, ()), name.lower()]))


def colour(name: str) -> tuple[str, ...]:
    """Plain words for a colour, then its own name where it is one.

    >>> colour("Navy Blue")
    ('blue', 'navy')
    """
    return COLOURS.get(name, (name.lower(),))
