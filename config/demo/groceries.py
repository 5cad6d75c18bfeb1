"""Chen's Corner Store: sixty items of a grocery warehouse, counted, each with its shelf and barcode."""

from config.demo.tables import Good, Section

# (English, Chinese, fen); a section has one picture, one aisle, and is cold or not
AISLES = (
    (
        ("Fruit", "水果"),
        "fruit",
        "A",
        False,
        (
            ("Bananas, 1 kg", "香蕉 1 千克", 690),
            ("Apples, 1 kg", "苹果 1 千克", 1280),
            ("Pears, 1 kg", "梨 1 千克", 990),
            ("Mandarins, 1 kg", "橘子 1 千克", 1180),
            ("Grapes, 500 g", "葡萄 500 克", 1590),
            ("Kiwis, 6", "猕猴桃 6 个", 1490),
            ("Lemons, 4", "柠檬 4 个", 790),
            ("Dragon fruit, 2", "火龙果 2 个", 1690),
            ("Mango, 2", "芒果 2 个", 1390),
            ("Watermelon, half", "西瓜半个", 1890),
        ),
    ),
    (
        ("Vegetables", "蔬菜"),
        "vegetables",
        "B",
        False,
        (
            ("Pak choi, 500 g", "小白菜 500 克", 490),
            ("Broccoli", "西兰花", 790),
            ("Tomatoes, 500 g", "番茄 500 克", 690),
            ("Potatoes, 1 kg", "土豆 1 千克", 590),
            ("Carrots, 500 g", "胡萝卜 500 克", 390),
            ("Cucumber, 2", "黄瓜 2 根", 490),
            ("Aubergine, 2", "茄子 2 根", 590),
            ("Spinach, 300 g", "菠菜 300 克", 590),
            ("Garlic, 5", "大蒜 5 头", 390),
            ("Ginger, 200 g", "生姜 200 克", 450),
        ),
    ),
    (
        ("Bakery", "烘焙"),
        "bread",
        "C",
        False,
        (
            ("Toast bread", "吐司面包", 1290),
            ("Whole-grain bread", "全麦面包", 1490),
            ("Croissants, 2", "可颂 2 个", 1180),
            ("Red-bean buns, 4", "红豆包 4 个", 990),
            ("Egg tarts, 4", "蛋挞 4 个", 1590),
            ("Sponge cake", "海绵蛋糕", 1890),
            ("Sesame crackers", "芝麻饼干", 790),
            ("Oat biscuits", "燕麦饼干", 890),
        ),
    ),
    (
        ("Larder", "粮油"),
        "parcel",
        "D",
        False,
        (
            ("Rice, 5 kg", "大米 5 千克", 4590),
            ("Flour, 2 kg", "面粉 2 千克", 1690),
            ("Rapeseed oil, 1.8 l", "菜籽油 1.8 升", 3290),
            ("Soy sauce", "酱油", 1190),
            ("Rice vinegar", "米醋", 890),
            ("Sesame oil", "香油", 1690),
            ("Salt", "食盐", 290),
            ("Sugar, 500 g", "白糖 500 克", 590),
            ("Dried noodles, 1 kg", "挂面 1 千克", 990),
            ("Instant noodles, 5", "方便面 5 包", 1390),
            ("Black beans, 500 g", "黑豆 500 克", 890),
            ("Peanuts, 400 g", "花生 400 克", 990),
        ),
    ),
    (
        ("Drinks", "饮料"),
        "juice",
        "E",
        False,
        (
            ("Spring water, 1.5 l", "矿泉水 1.5 升", 350),
            ("Orange juice, 1 l", "橙汁 1 升", 1290),
            ("Green tea, 500 ml", "绿茶 500 毫升", 450),
            ("Cola, 6 cans", "可乐 6 罐", 1390),
            ("Soda water, 6", "苏打水 6 瓶", 1790),
            ("Coffee beans, 250 g", "咖啡豆 250 克", 3990),
        ),
    ),
    (
        ("Dairy and eggs", "乳品蛋类"),
        "milk",
        "F",
        True,
        (
            ("Whole milk, 1 l", "全脂牛奶 1 升", 1390),
            ("Half-fat milk, 1 l", "低脂牛奶 1 升", 1390),
            ("Yoghurt, 4", "酸奶 4 杯", 1290),
            ("Butter, 200 g", "黄油 200 克", 2290),
            ("Cheese slices", "芝士片", 1890),
            ("Eggs, 10", "鸡蛋 10 枚", 1490),
            ("Tofu, 400 g", "豆腐 400 克", 490),
        ),
    ),
    (
        ("Chilled and frozen", "冷藏冷冻"),
        "fish",
        "G",
        True,
        (
            ("Salmon, 200 g", "三文鱼 200 克", 4290),
            ("Prawns, 500 g", "虾仁 500 克", 4990),
            ("Chicken breast, 500 g", "鸡胸肉 500 克", 1890),
            ("Minced pork, 400 g", "猪肉馅 400 克", 1990),
            ("Beef slices, 300 g", "肥牛片 300 克", 3290),
            ("Frozen dumplings", "速冻饺子", 2290),
            ("Ice cream, 6", "冰淇淋 6 支", 2390),
        ),
    ),
)
ON_SHELF = 40  # of each item at the start
SLOTS = 4  # places on one shelf


def sections() -> tuple[Section, ...]:
    """The aisles as sections of goods, with their shelf places."""
    return tuple(
        Section(
            name,
            tuple(
                Good(
                    en, zh, price, _picture(en, art), on_hand=ON_SHELF,
                    shelf=f"{aisle}-{place // SLOTS + 1:02d}-{place % SLOTS + 1}", is_cold=cold,
                )
                for place, (en, zh, price) in enumerate(items)
            ),
        )
        for name, art, aisle, cold, items in AISLES
    )  # fmt: skip


def _picture(name: str, art: str) -> str:
    special = {"Eggs": "eggs", "Yoghurt": "yoghurt", "Tomatoes": "tomato", "Green tea": "tea", "Coffee": "coffee"}
    return next((picture for word, picture in special.items() if name.startswith(word)), art)


def barcode(number: int) -> str:
    """A valid EAN-13 of the prefix for a shop's own use (20)."""
    body = f"20{number:010d}"
    check = -sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(body)) % 10
    return f"{body}{check}"
