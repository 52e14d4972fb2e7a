"""Every real recording at hand gives the events that it always gave."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from drivers.events import SensorSize
from recordings.formats import Format, open_recording
from tests.recordings.packet_checks import check_contract, joined


@dataclass(frozen=True)
class Known:
    """A real file and what is in it."""

    name: str
    format: Format
    width: int
    height: int
    events: int
    t_first_us: int | None
    t_last_us: int | None
    digests: str
    """blake2b (8 bytes) of t, x, y, on."""


# fmt: off
KNOWN = [
    Known("dvs128_gesture/dvSave-2024_06_20_15_59_41.aedat4", Format.AEDAT4, 128, 128, 348461, 1718924384950507, 1718924390340512, "e0970fc398f6c41b 736f5f7db3346917 932a7c3eba42d617 94af0c351bf45154"),  # noqa: E501
    Known("dvs128_gesture/dvSave-2024_06_20_16_06_00.aedat4", Format.AEDAT4, 128, 128, 229092, 1718924763850474, 1718924769290477, "bde132d268a7e789 247e56edefba13e3 822486abfcdbf5f7 d28407ce0049b788"),  # noqa: E501
    Known("dvs128_gesture/dvSave-2024_06_20_16_12_48.aedat4", Format.AEDAT4, 128, 128, 188045, 1718925172610885, 1718925178600589, "2f76943c5bdbd6b0 808db9d910b5a77f c4f6158d4f553654 051a0757da965667"),  # noqa: E501
    Known("dvs128_objects/Caixa.aedat", Format.AEDAT2, 128, 128, 374039, 525879511, 558653691, "607ecdb15b280c7c 6f50b65dbc9c0bdd d4ebcf4b9f24aa64 8cff32aa53233eef"),  # noqa: E501
    Known("dvs128_objects/Caneca.aedat", Format.AEDAT2, 128, 128, 518133, 835302848, 868811233, "d03617a3a9a1a557 0919a2f3344e0187 b274feedb6f56c38 215a54ce05a77df1"),  # noqa: E501
    Known("dvs128_objects/Cubo.aedat", Format.AEDAT2, 128, 128, 494435, 1353410779, 1387903299, "ada20bd7e9372cf7 8a51299ff3390c03 dc9282d83dc9ec55 6888dc435e2b5a4d"),  # noqa: E501
    Known("dvs128_objects/Estilete.aedat", Format.AEDAT2, 128, 128, 413436, 1177010601, 1210566875, "33bfa6ec74a829fd 2c2fbb6ec2b55810 20a68ae1b036558b 188ae086658c08d2"),  # noqa: E501
    Known("dvs128_objects/Estilete_1.aedat", Format.AEDAT2, 128, 128, 408860, 1116862269, 1151835924, "6c4ddfb9ca21b194 cc6cf273338ad36e b172bbcd67dc24a0 c6bbf12cf866356a"),  # noqa: E501
    Known("dvs128_objects/Lapiseira.aedat", Format.AEDAT2, 128, 128, 249545, 597323253, 633767504, "5666b6b0e32f3425 79035722f6fc24af 974c05389006bd27 2b7ed1a79484e46a"),  # noqa: E501
    Known("dvs128_objects/Tesoura.aedat", Format.AEDAT2, 128, 128, 263941, 446340208, 479347989, "18aa5c1331ab16c8 48bdea75c4126dc9 f82db565c2a04ad3 344b143d9994e29c"),  # noqa: E501
    Known("formats/aedat2_moving_dark_box.aedat", Format.AEDAT2, 128, 128, 489834, 946459683, 986269729, "f58ba234803c2fdb 69db2eae0fe84d28 2d57e30d32cc9cc0 7afc80004256cf9b"),  # noqa: E501
    Known("formats/aedat4_640x480.aedat4", Format.AEDAT4, 640, 480, 255283, 1631717221674515, 1631717224374502, "674263e5b48049a1 9927ae793b198dfa d683011682fb7d81 9c2c2d82416cd741"),  # noqa: E501
    Known("formats/aedat4_davis346_frames_imu_triggers.aedat4", Format.AEDAT4, 346, 260, 78830, 1589163147368868, 1589163149728813, "8d32f227d94308ee a72c2fc5698304c7 d3b7b8db91f0ed4a d68d1503ef97bada"),  # noqa: E501
    Known("formats/aedat4_empty_stereo.aedat4", Format.AEDAT4, 100, 100, 0, None, None, ""),
    Known("formats/aedat4_frames_only.aedat4", Format.AEDAT4, 346, 260, 0, None, None, ""),
    Known("formats/aedat4_small.aedat4", Format.AEDAT4, 320, 240, 111954, 1605537493718345, 1605537494308262, "23d1bc75aefd465c 52d71e4bacafcca8 0da3ee579c63d301 34e666289795eae1"),  # noqa: E501
    Known("formats/dat_gen4.dat", Format.DAT, 1280, 720, 1218618, 5856, 10773853, "12b6ed8758112278 511f5e25a357eb2d fc1d55f7951bfa1a 8d0104b876c86398"),  # noqa: E501
    Known("formats/es_dvs.es", Format.ES, 320, 240, 473225, 0, 999000, "cd7152b991a403a1 5ff080ad0c595555 928cd5f4ef9cefd2 9d32153733a59bc9"),  # noqa: E501
    Known("formats/evt2.raw", Format.EVT2, 640, 480, 521252, 913716224, 913812095, "27843434a7fe161d 8c24e8d8feabfe29 824317e6690aaf11 6d2603d8238bea58"),  # noqa: E501
    Known("formats/evt3.raw", Format.EVT3, 1280, 720, 1218618, 11200224, 21968221, "d45e7904c0a2de68 511f5e25a357eb2d fc1d55f7951bfa1a 8d0104b876c86398"),  # noqa: E501
]
# fmt: on


@pytest.mark.parametrize("known", KNOWN, ids=lambda known: Path(known.name).name)
def test_real_files_hold_what_they_always_held(real_data: Path, known: Known) -> None:
    """Every real file has its format, size, count, time range and the same bytes per field."""
    with open_recording(real_data / known.name) as recording:
        packets = list(recording)
    events = joined(packets)
    check_contract(packets)
    assert recording.format is known.format
    assert recording.sensor == SensorSize(known.width, known.height)
    assert recording.damage is None
    assert (recording.time_reversals, recording.events_off_sensor) == (0, 0)
    assert events.size == known.events
    assert recording.t_first_us == known.t_first_us
    assert (int(events["t"][-1]) if events.size else None) == known.t_last_us
    digests = [
        hashlib.blake2b(np.ascontiguousarray(events[field]).tobytes(), digest_size=8).hexdigest()
        for field in ("t", "x", "y", "on")
    ]
    assert digests == known.digests.split() or (events.size == 0 and not known.digests)


def test_the_table_names_every_real_recording(real_data: Path) -> None:
    """No real recording is left out of the table above."""
    folders = ("dvs128_gesture", "dvs128_objects", "formats")
    found = {
        f"{folder}/{path.name}" for folder in folders for path in (real_data / folder).iterdir()
    }
    assert found == {known.name for known in KNOWN}


@pytest.mark.parametrize("name", ["formats/evt3.raw", "formats/aedat4_small.aedat4"])
def test_real_events_do_not_depend_on_packet_length(real_data: Path, name: str) -> None:
    """Cut at 1 ms or at the file's own packets, a real file gives the same bytes."""
    path = real_data / name
    fine = list(open_recording(path, packet_us=1000))
    coarse = list(open_recording(path))
    check_contract(fine)
    assert joined(fine).tobytes() == joined(coarse).tobytes()
    assert fine[-1].t_end_us == coarse[-1].t_end_us
    assert {packet.t_end_us - packet.t_begin_us for packet in fine[:-1]} == {1000}
