"""Windows of acceleration as `decode` and `listen` show them: rate, place, the model that judges them.

Rule: pure; what will make falls go unheard is asked here, before anybody falls.
"""

from devices.reading import Motion
from rules.falls.model import position_class

MOTION = "acceleration 加速度"


def window_json(window: Motion) -> dict[str, object]:
    """A window as an object for programs, without its samples."""
    shown: dict[str, object] = {
        "device": window.device,
        "at": window.at,
        "samples": len(window.xyz),
        "rate_hz": window.fs,
        "position": window.position,
        "model": position_class(window.position),
    }
    doubts = [doubt for doubt in (doubt_of_position(window), doubt_of_unit(window)) if doubt]
    return shown | ({"doubts": doubts} if doubts else {})


def window_text(window: Motion) -> str:
    """A window in words."""
    model = position_class(window.position)
    worn = f"worn 佩戴: {window.position} (model 模型: {model})"
    return f"{len(window.xyz)} samples 个采样 at {window.fs:g} Hz, {worn}"


def signal_text(window: Motion) -> str:
    """What a window has in common with those before and after it."""
    unknown = position_class(window.position) == "unknown"
    judged = " (judged as unknown 按未知位置判断)" if unknown else ""
    return f"{MOTION} {window.fs:.3g} Hz, {window.position}{judged}"


def doubt_of_position(window: Motion) -> str:
    """That no model is for where it is worn; "" where one is."""
    if position_class(window.position) != "unknown":
        return ""
    return (
        f"position {window.position} is judged by the model for unknown positions: say wrist, waist, hip or"
        " chest where it is so 按“未知位置”的模型判断；若戴在手腕、腰、髋或胸，请在 position 写明"
    )


def doubt_of_unit(window: Motion) -> str:
    """That it is not in g; "" where it is."""
    return "this is m/s², and read as such: send g 单位是 m/s²，已换算；请按 g 发送" if window.was_ms2 else ""
