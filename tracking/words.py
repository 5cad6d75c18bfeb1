"""The glossary of tracking: vehicles, deliveries and how a rider stands against the promise, in both languages."""

from config.ground.word import Word
from tracking.models import Delivery, Vehicle

VEHICLE: dict[str, Word] = {
    Vehicle.EBIKE: Word("E-bike", "电动车", "move", "bike"),
    Vehicle.BIKE: Word("Bicycle", "自行车", "move", "bike"),
    Vehicle.SCOOTER: Word("Scooter", "摩托车", "move", "bike"),
    Vehicle.FOOT: Word("On foot", "步行", "move", "person"),
}

DELIVERY: dict[str, Word] = {
    Delivery.State.CLAIMED: Word("Claimed", "已接单", "move", "bag"),
    Delivery.State.COLLECTED: Word("On the way", "配送中", "move", "bike"),
    Delivery.State.DELIVERED: Word("Delivered", "已送达", "done", "check"),
    Delivery.State.RELEASED: Word("Given back", "已退回任务", "stop", "square"),
    Delivery.State.CANCELLED: Word("Cancelled with its order", "随订单取消", "stop", "cross"),
}

LATE = Word("{n} min late", "已超时 {n} 分钟", "bad", "triangle")
IN_TIME = Word("in time", "准时", "done", "check")
COMING = Word("{name} is on the way to you", "{name} 正前往本店", "move", "bike")
WAITING = Word("Finding a rider", "寻找骑手中", "wait", "clock")
