"""Bruno's Noodle House: thirty dishes in five sections."""

from config.demo.tables import Choice, Good, Group, Section

SPICE = Group(
    ("Spice", "辣度"),
    1,
    1,
    (Choice("Not spicy", "不辣"), Choice("Mild", "微辣"), Choice("Medium", "中辣"), Choice("Hot", "特辣")),
)
WIDTH = Group(("Noodle", "面型"), 1, 1, (Choice("Thin", "细面"), Choice("Wide", "宽面"), Choice("Leek leaf", "韭叶")))
EXTRAS = Group(
    ("Extras", "加料"),
    0,
    3,
    (Choice("Extra egg", "加蛋", 300), Choice("Extra beef", "加牛肉", 1200), Choice("Extra greens", "加青菜", 300)),
)
SUGAR = Group(
    ("Sugar", "甜度"), 1, 1, (Choice("No sugar", "无糖"), Choice("Less sugar", "少糖"), Choice("Full sugar", "全糖"))
)
ICE = Group(("Ice", "冰量"), 1, 1, (Choice("No ice", "去冰"), Choice("Less ice", "少冰"), Choice("Iced", "正常冰")))
NOODLE = (WIDTH, SPICE, EXTRAS)
DRINK = (SUGAR, ICE)

SECTIONS = (
    Section(
        ("Noodles", "面条"),
        (
            Good(
                "Beef hand-pulled noodles",
                "牛肉拉面",
                2600,
                "bowl",
                NOODLE,
                about=("Clear broth, six hours", "清汤熬六小时"),
            ),
            Good("Lamb noodles", "羊肉面", 3200, "bowl", NOODLE, on_hand=40),
            Good("Tomato and egg noodles", "番茄鸡蛋面", 1900, "bowl", NOODLE),
            Good("Dan dan noodles", "担担面", 1800, "bowl", (SPICE, EXTRAS)),
            Good("Knife-cut noodles with pork", "猪肉刀削面", 2300, "bowl", (SPICE, EXTRAS)),
            Good("Sesame paste noodles", "麻酱拌面", 1700, "bowl", (SPICE,)),
            Good("Spring onion oil noodles", "葱油拌面", 1500, "bowl", (EXTRAS,)),
            Good("Seafood noodles", "海鲜面", 3600, "bowl", NOODLE, on_hand=25),
        ),
    ),
    Section(
        ("Dumplings", "饺子"),
        (
            Good("Pork and chive dumplings", "猪肉韭菜饺", 2200, "dumplings", about=("Twelve pieces", "十二只")),
            Good("Mushroom dumplings", "香菇素饺", 2000, "dumplings"),
            Good("Prawn dumplings", "鲜虾饺", 2800, "dumplings", on_hand=30),
            Good("Lamb and carrot dumplings", "羊肉胡萝卜饺", 2600, "dumplings"),
            Good("Pan-fried dumplings", "锅贴", 2400, "dumplings"),
            Good("Wontons in chilli oil", "红油抄手", 1900, "dumplings", (SPICE,)),
        ),
    ),
    Section(
        ("Rice", "米饭"),
        (
            Good("Braised pork rice", "卤肉饭", 2400, "rice", (EXTRAS,)),
            Good("Roast duck rice", "烧鸭饭", 3000, "rice", on_hand=20),
            Good("Egg fried rice", "蛋炒饭", 1600, "rice", (SPICE,)),
            Good("Mapo tofu rice", "麻婆豆腐饭", 1900, "rice", (SPICE,)),
            Good("Chicken curry rice", "咖喱鸡饭", 2300, "rice", (SPICE, EXTRAS)),
        ),
    ),
    Section(
        ("Small plates", "小食"),
        (
            Good("Smashed cucumber", "拍黄瓜", 900, "vegetables"),
            Good("Tea egg", "茶叶蛋", 300, "eggs"),
            Good("Lamb skewers", "羊肉串", 1800, "skewer", (SPICE,), about=("Five skewers", "五串")),
            Good("Hot and sour soup", "酸辣汤", 1200, "soup"),
            Good("Wood ear salad", "凉拌木耳", 1100, "vegetables"),
            Good("Spring rolls", "春卷", 1400, "skewer"),
            Good("Seaweed soup", "紫菜汤", 800, "soup"),
        ),
    ),
    Section(
        ("Drinks", "饮品"),
        (
            Good("Milk tea", "奶茶", 1400, "tea", DRINK),
            Good("Jasmine tea", "茉莉花茶", 800, "tea", (ICE,)),
            Good("Sour plum juice", "酸梅汤", 900, "juice", (ICE,)),
            Good("Soy milk", "豆浆", 600, "milk", (SUGAR,)),
        ),
    ),
)
