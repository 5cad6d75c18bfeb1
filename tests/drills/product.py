"""What the house does with the loaded product: a shop with orders, the relay with its aim, the live process, writers.

Only house.py imports this, after Django was set up.
"""

import os
import random
import signal
import time
from functools import partial

import uvicorn
from django.core.management import call_command
from django.db import Error, connection, connections, transaction

from config import asgi
from config.events import READERS
from config.ground import clock
from notifications.log import sequencer, wire
from notifications.log.sequencer import RedisOutlet
from notifications.webhooks import endpoints
from notifications.webhooks.models import Circuit, Endpoint, RegisteredHost
from orders import services
from orders.actors import SYSTEM, as_merchant
from orders.models import ApiKey, Category, Product, Shop, ShopStaff, Stock, User
from orders.services import Item, Placement
from tests.drills.mutants import MUTANTS

ADDRESS = {"name": "Ana Lima", "phone": "13800132071", "line": "18 Maple Lane", "city": "Shanghai",
           "location": {"lat": 31.2304, "lng": 121.4737}}  # fmt: skip
HOST = "127.0.0.1:9"  # nobody listens there: messages are to be written, not received
GIVEN_BACK = "given back"


def settle(count):
    """Make the shop, its people, an endpoint and this many paid orders."""
    people, keys = {}, {}
    for name in ("ana", "bruno"):
        people[name] = User(username=name, first_name=name.title())
        people[name].set_unusable_password()
        people[name].save()
        keys[name] = ApiKey.issue(people[name], "drill")[1]
    shop = Shop.objects.create(trade="MEAL", name_en="Bruno’s", name_zh="面馆", latitude=31.23, longitude=121.47)
    ShopStaff.objects.create(shop=shop, user=people["bruno"], role="OWNER")
    category = Category.objects.create(shop=shop, name_en="All", name_zh="全部")
    noodles = Product.objects.create(shop=shop, category=category, name_en="Noodles", name_zh="面", price_minor=2600,
                                     stock_kind="COUNTED")  # fmt: skip
    Stock.objects.create(product=noodles, on_hand=10_000)
    topic = f"board/{shop.public_id}"
    endpoint = Endpoint(account=people["bruno"].public_id, topic=topic, url=f"http://{HOST}/hook", host=HOST,
                        state="WORKING", proved_at=clock.now())  # fmt: skip
    endpoint.known_secret = endpoints._give_secret(endpoint)
    endpoint.save()
    Circuit.objects.get_or_create(host=HOST)
    RegisteredHost.objects.get_or_create(account=endpoint.account, host=HOST)
    orders = []
    for _ in range(count):
        wanted = Placement(shop.public_id, [Item(noodles.public_id, 1)], "WECHAT", ADDRESS)
        order = services.place_order(wanted, customer=people["ana"])
        services.mark_paid(order.public_id, amount_minor=order.total_minor, channel="WECHAT")
        orders.append(order.public_id)
    return {"keys": keys, "board": topic, "orders": orders}


def furnish(folder, stale, mutant):
    """The aim, the witness, the shorter patience with a frozen leader, and the mutant, if any."""
    sequencer.PostgresBook = partial(sequencer.PostgresBook, stale=stale)
    RedisOutlet.publish = _aimed(RedisOutlet.publish, folder / "aim")
    READERS["witness"] = partial(_note_down, folder / "witness")
    if mutant:
        MUTANTS[mutant]()
    connections.close_all()
    wire.redis_connection.cache_clear()


def _aimed(publish, aim):
    """`publish`, but where the file says so this process dies or freezes with numbers given and nothing said."""

    def publish_or_die(self, messages):
        if messages[0][1].split(b" ", 2)[1] != b"0" and aim.exists():
            what = aim.read_text()
            aim.unlink(missing_ok=True)
            if what == "half":
                publish(self, messages[: len(messages) // 2])
            os.kill(os.getpid(), signal.SIGSTOP if what == "stop" else signal.SIGKILL)
            time.sleep(0.01)
        publish(self, messages)

    return publish_or_die


def _note_down(path, event):
    """What a reader does outside the database: it must bear being done again."""
    with path.open("a") as file:
        file.write(f"{event.position} {event.stream} {event.version}\n")


def relay():
    """One relay."""
    call_command("relay", verbosity=0)


def live(port):
    """The live process, as config/local/table.py starts it."""
    uvicorn.run(
        asgi.application, host="127.0.0.1", port=port, loop="uvloop", http="httptools", ws="websockets-sansio",
        ws_per_message_deflate=False, ws_max_size=65_536, log_level="warning", access_log=False, lifespan="on",
    )  # fmt: skip


def write(folder, orders, seed, step):
    """Move these orders on until the file `stop` is there; write down what is surely committed."""
    chance = random.Random(f"{seed}-{os.getpid()}")
    bruno = as_merchant(User.objects.get(username="bruno"))
    while not (folder / "stop").exists():
        time.sleep(chance.uniform(0, 2 * step))
        ref = chance.choice(orders)
        try:
            version = _change(ref, chance, bruno)
        except Error:
            connection.close()
            time.sleep(0.05)
        except RuntimeError as error:
            if str(error) != GIVEN_BACK:
                raise
        else:
            with (folder / "acks").open("a") as file:
                file.write(f"{ref} {version}\n")


@transaction.atomic
def _change(ref, chance, bruno):
    """One to three events; now and then it takes long, or is taken back in the end."""
    order = services.note(ref, "order.noted", {"n": chance.randrange(1_000_000)}, actor=SYSTEM)
    if chance.random() < 0.3:
        order = _go_on(order, bruno)
    if chance.random() < 0.3:
        order = services.note(ref, "order.noted", {"m": chance.randrange(1_000_000)}, {"merchant": {"x": 1}})
    if chance.random() < 0.06:
        time.sleep(chance.uniform(0.1, 0.8))
    if chance.random() < 0.05:
        raise RuntimeError(GIVEN_BACK)
    return order.version


def _go_on(order, bruno):
    """The order's next step, as far as the shop takes it."""
    steps = {
        "PENDING": lambda: services.confirm_order(order.public_id, minutes=15, actor=bruno),
        "CONFIRMED": lambda: services.start_preparing(order.public_id, actor=bruno),
        "PREPARING": lambda: services.mark_ready(order.public_id, actor=bruno),
    }
    return steps[order.status]() if order.status in steps else order
