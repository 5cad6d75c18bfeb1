"""A card key goes through the whole running product; afterwards everything that was kept, sent or said is searched.

Every key of the file has the same unguessable letters in it, so that one search finds any of them, whole or in part, in
any of the forms in which programs write text. They may be in one place: the answer to Show key.
"""

import base64
import secrets
import threading
from collections.abc import Iterator
from urllib.parse import quote
from uuid import uuid4

import httpx
import pytest
import redis

from config.local import envfile, processes
from tests.product import STACK

pytestmark = STACK

KEYS = 20_000  # above what is imported while the page waits: the file goes through the broker and a worker
LETTERS = 14  # that no other text can have by chance; none of them is written otherwise in an address


class Listener:
    """Hears every command that a Redis gets: task payloads, live frames, limits, hints."""

    def __init__(self, url: str) -> None:
        self.heard: list[bytes] = []
        self._redis = redis.Redis.from_url(url)
        self._monitor = self._redis.monitor()
        self._monitor.__enter__()
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        try:
            for command in self._monitor.listen():
                self.heard.append(str(command["command"]).encode("utf-8", "surrogateescape"))
        except (redis.RedisError, OSError, ValueError):
            return  # closed

    def everything(self) -> bytes:
        """What was sent, and whatever is kept now."""
        kept = [name + b" " + (self._redis.dump(name) or b"") for name in self._redis.scan_iter("*")]
        return b"\n".join([*self.heard, *kept])

    def close(self) -> None:
        self._monitor.connection.disconnect()
        self._thread.join(10)
        self._redis.close()


@pytest.fixture
def listeners(product) -> Iterator[list[Listener]]:
    words = envfile.read(product.folder / "env")
    urls = (words[name].replace("redis+socket://", "unix://") for name in ("REDIS_URL", "LOCKSTEP_BROKER_URL"))
    found = [Listener(url) for url in sorted({url.partition("?")[0] for url in urls})]
    yield found
    for listener in found:
        listener.close()


class Person:
    """Somebody's browser; keeps every answer that it got."""

    def __init__(self, product, name: str) -> None:
        self.http = httpx.Client(base_url=product.address, trust_env=False, timeout=60, follow_redirects=True)
        self.http.cookies["sessionid"] = product.session(name)
        self.answers: list[bytes] = []

    def _kept(self, answer: httpx.Response) -> httpx.Response:
        for one in (*answer.history, answer):
            self.answers.append(str(one.url).encode() + repr(one.headers).encode() + one.content)
        return answer

    def get(self, path: str) -> httpx.Response:
        return self._kept(self.http.get(path))

    def post(self, path: str, *, keeps: bool = True, **form) -> httpx.Response:
        self.http.get("/account/signin/")
        sent = {"headers": {"X-CSRFToken": self.http.cookies["csrftoken"], "Referer": str(self.http.base_url)}, **form}
        answer = self.http.post(path, **sent)
        return self._kept(answer) if keeps else answer


def forms_of(text: str) -> dict[str, bytes]:
    """The ways in which a program may write it down."""
    raw = text.encode()
    found = {
        "plain": raw,
        "lower": raw.lower(),
        "backwards": raw[::-1],
        "hex": raw.hex().encode(),
        "HEX": raw.hex().upper().encode(),
        "utf-16": text.encode("utf-16-le"),
        "utf-16 the other way": text.encode("utf-16-be"),
    }
    for shift in range(3):  # base64 looks different at each of three places; the letters at the edges depend on others
        letters = base64.b64encode(b"\0" * shift + raw)
        found[f"base64 at {shift}"] = letters[4 * bool(shift) : len(letters) // 4 * 4 - 4]
        found[f"base64 for addresses at {shift}"] = found[f"base64 at {shift}"].translate(bytes.maketrans(b"+/", b"-_"))
    return found


def found_in(places: dict[str, bytes], text: str) -> list[str]:
    forms = forms_of(text)
    return [f"{form} in {place}" for place, held in places.items() for form, needle in forms.items() if needle in held]


def test_the_search_finds_what_it_looks_for():
    """Each form is found where it really stands: a search that finds nothing proves nothing."""
    text = "7Q2K9XMWTD44"
    around = f"key=LEAK+{text}/1;"
    for shift in range(3):
        held = base64.b64encode(b"x" * shift + text.encode() + b"yyy")
        assert f"base64 at {shift} in it" in found_in({"it": held}, text)
    for written in (around, around.lower(), around[::-1], quote(around, safe=""), around.encode().hex()):
        assert found_in({"it": written.encode()}, text)
    assert found_in({"it": around.encode("utf-16-le")}, text)
    assert not found_in({"it": b"nothing of it"}, text)


def until(condition, what: str) -> None:
    assert processes.wait_until(condition, seconds=60), what


def test_a_key_is_nowhere_but_in_the_answer_to_its_button(product, listeners):
    """Imported by a worker, partly refused, partly void, bought, paid, shown, replaced, looked at by support."""
    mark = "".join(secrets.choice("ABCDEFGHJKLMNPQRSTUVWXYZ23456789") for _ in range(LETTERS))
    first = f"LEAK+{mark}"
    lines = [f"{first}/{number:06d}" for number in range(KEYS)]
    dana, ivy, sam = Person(product, "dana"), Person(product, "ivy"), Person(product, "sam")

    # dana imports a file with doubles and lines that are no keys
    shop = str(dana.get("/merchant/").url).rstrip("/").rpartition("/")[2]
    pool = str(dana.post(f"/merchant/{shop}/keys/", data={"name": "Leaky", "uses": "1"}).url)
    content = "\n".join([*lines, *lines[:50], "x" * 300 + first]).encode() + b"\n\xff" + first.encode() + b"\n"
    job = str(dana.post(pool, files={"file": ("keys.txt", content)}, data={"label": "batch"}).url)
    until(lambda: "every 1s" not in dana.get(job).text, "the import never ended")
    assert f"{KEYS:,}" in dana.get(job).text
    report = dana.get(f"{job}report.csv").text
    assert "twice" in report
    assert "unreadable" in report

    # she takes some out, once with a key in her reason, and pastes what is not there
    for keys, reason in (
        (lines[-1], f"{lines[-2]} was called back"), ("\n".join(lines[-9:-3]), "called back"), (f"{first}/none", "?"),
        (lines[-1], f"{lines[-1]} once more"),
    ):  # fmt: skip
        dana.post(f"{pool}void/", data={"keys": keys, "reason": reason})
    dana.get(f"{pool}?said={quote(lines[0][-4:])}")
    product.rows(
        "UPDATE orders_product SET pool_id = (SELECT id FROM orders_keypool WHERE name = 'Leaky')"
        " WHERE name_en = 'Cloud storage, one year'"
    )

    # ivy buys two by her program, pays at the gateway, looks at one
    program = product.program()
    offered = next(one for one in program.get("/restaurants")["results"] if one["trade"] == "DIGITAL")
    menu = program.get(f"/restaurants/{offered['restaurantId']}/menu")
    cloud = next(one for one in menu["products"] if one["name"] == "Cloud storage, one year")
    wish = {
        "restaurantId": shop, "items": [{"productId": cloud["productId"], "quantity": 2}], "address": {},
        "paymentMethod": "WECHAT",
    }  # fmt: skip
    order = program.post("/orders", wish, Idempotency_Key=str(uuid4()))["orderId"]
    paid = program.post(f"/orders/{order}/payments", {"method": "WECHAT"}, Idempotency_Key=str(uuid4()))
    product.scans_and_pays(paid["codeUrl"])
    until(lambda: program.get(f"/orders/{order}")["status"] == "COMPLETED", "the keys were never issued")
    shown = ivy.post(f"/orders/{order}/keys/1/1/", keeps=False)
    assert first in shown.text, "this is the one answer that may hold a key"
    assert "no-store" in shown.headers["Cache-Control"]
    key = next(line for line in lines if line in shown.text)

    # everything that anybody may read about it
    ivy_pages = [f"/orders/{order}/", "/orders/", f"/orders/{order}/panels/keys/", f"/orders/{order}/keys/1/1/"]
    dana_pages = [pool, job, f"/merchant/{shop}/", f"/merchant/{shop}/orders/{order}/", f"/merchant/{shop}/keys/"]
    lists = ("order", "key", "keypool", "keyimport", "keyreveal", "keyvoiding", "staffaction")
    sam_pages = [f"/admin/orders/order/{order}/change/", "/admin/", *(f"/admin/orders/{name}/" for name in lists)]
    for person, pages in ((ivy, ivy_pages), (dana, dana_pages), (sam, sam_pages)):
        for page in pages:
            assert person.get(page).status_code in {200, 403}, page
    sam.post(f"/admin/orders/order/{order}/repair/replace-key/", data={"version": "1", "unit": "1.1", "reason": key})
    dana.http.post(f"{pool}void/", data={"keys": key, "reason": "without the form's token"})
    told = [program.asks("GET", path).content for path in (f"/orders/{order}", f"/orders/{order}/events", "/orders")]

    places = {f"an answer to {name}": b"\n".join(who.answers) for name, who in
              {"dana": dana, "ivy": ivy, "sam": sam}.items()}  # fmt: skip
    places |= {"an API answer": b"\n".join(told), "the database": product.dump().encode()}
    places |= {f"Redis {number}": listener.everything() for number, listener in enumerate(listeners)}
    assert any(b"import_keys_file" in held for held in places.values()), "the task's payload was heard"
    assert any(b"order.completed" in listener.everything() for listener in listeners), "live frames were heard"
    for path in sorted(path for path in product.folder.rglob("*") if path.is_file()):
        places[str(path.relative_to(product.folder))] = path.read_bytes()
    assert any("pg_wal" in place for place in places), "the database's own files are searched"
    assert any(place.endswith(".log") for place in places), "what the processes said is searched"
    assert not found_in(places, mark)
    assert not list((product.folder / "imports").iterdir()), "the uploaded file is gone"


def test_a_stolen_password_is_slow_to_guess(product):
    """The tests in one process hash in fewer rounds (tests/once.py); the product does not."""
    hashes = [row[0].split("$") for row in product.rows("SELECT password FROM orders_user WHERE password LIKE '%$%'")]
    assert len(hashes) > 5
    assert all(way == "pbkdf2_sha256" and int(rounds) >= 1_000_000 for way, rounds, *_ in hashes)
