"""Who lives in the demo; everybody's password is the same and is printed at the start."""

from typing import NamedTuple

PASSWORD = "lockstep-demo"  # noqa: S105 - for demo accounts that only a development machine has

MAIL_DOMAIN = "demo.example"  # nobody's; the letters lie in the demo's inbox


class DemoPerson(NamedTuple):
    """One account."""

    username: str
    first_name: str
    phone: str
    does: str


PEOPLE = (
    DemoPerson("ana", "Ana", "13800132071", "buys"),
    DemoPerson("leo", "Leo", "13800132072", "buys"),
    DemoPerson("mei", "Mei", "13800132073", "buys"),
    DemoPerson("bruno", "Bruno", "13900001001", "owns the noodle house"),
    DemoPerson("bea", "Bea", "13900001002", "works at the noodle house"),
    DemoPerson("chen", "Chen", "13900001003", "runs the grocery"),
    DemoPerson("dana", "Dana", "13900001004", "runs the card-key shop"),
    DemoPerson("ravi", "Ravi", "13700002001", "rides"),
    DemoPerson("rosa", "Rosa", "13700002002", "rides"),
    DemoPerson("sam", "Sam", "13600003001", "supports"),
    DemoPerson("lena", "Lena", "13600003003", "leads support"),
    DemoPerson("ivy", "Ivy", "13600003002", "integrates by REST"),
)
