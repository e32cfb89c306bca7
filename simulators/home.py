"""The simulated home: who lives there, in which bed, with which devices. Rule: its size says it all."""

from collections.abc import Iterator
from dataclasses import dataclass
from zoneinfo import ZoneInfo

SITE = "home-1"
TIMEZONE = "Asia/Shanghai"
ZONE = ZoneInfo(TIMEZONE)
GATEWAY = "gw-1"
MOST_RESIDENTS = 5000

_NAMES = "王秀英 李建国 张桂兰 刘德明 陈淑芬 杨志强 黄玉珍 赵文华 周兰芳 吴福生".split()
_FAMILY = "孙徐马朱胡郭何林罗高郑梁谢宋唐许邓韩冯曹"
_GIVEN = "秀兰 玉华 建军 桂芳 志明 淑珍 国强 凤英 德华 丽云 长海 美玲 福来".split()
_LEVELS = ("2", "1", "3", "2", "2", "3", "2", "1", "3", "2")
_BEDS_A_ROOM = 2
_ROOMS_A_FLOOR = 10


@dataclass(frozen=True, slots=True)
class Person:
    """Resident number `number`, counted from 1; ids of the person's devices follow from it."""

    number: int
    name: str
    care_level: str

    @property
    def id(self) -> str:
        """The resident's id."""
        return f"r-{self.number:02}"

    @property
    def wearable(self) -> str:
        """The watch: native protocol, heard through the gateway."""
        return f"w-{self.number:02}"

    @property
    def button(self) -> str:
        """The SOS button: its friendly name in zigbee2mqtt."""
        return f"button-{self.number:02}"

    @property
    def bed_sensor(self) -> str:
        """The sensor under the mattress: native protocol, heard through the gateway."""
        return f"b-{self.number:02}"

    @property
    def floor(self) -> int:
        """Counted from 1."""
        return (self.number - 1) // (_BEDS_A_ROOM * _ROOMS_A_FLOOR) + 1

    @property
    def room(self) -> str:
        """As on the door: 101 to 110 on the first floor."""
        return f"{self.floor}{(self.number - 1) // _BEDS_A_ROOM % _ROOMS_A_FLOOR + 1:02}"

    @property
    def bed(self) -> int:
        """Counted from 1 in each room."""
        return (self.number - 1) % _BEDS_A_ROOM + 1


def residents(count: int) -> Iterator[Person]:
    """The first `count` people of the home."""
    for number in range(1, count + 1):
        beyond = number - len(_NAMES) - 1
        name = (
            _NAMES[number - 1]
            if beyond < 0
            else _FAMILY[beyond % len(_FAMILY)] + _GIVEN[beyond // len(_FAMILY) % len(_GIVEN)]
        )
        yield Person(number, name, _LEVELS[(number - 1) % len(_LEVELS)])
