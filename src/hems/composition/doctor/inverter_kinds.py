"""The kinds of findings about the inverter, with what they mean and what to try."""

from __future__ import annotations

from collections.abc import Mapping

from hems.adapters.inverters.goodwe.diagnosis import Symptom
from hems.composition.doctor.model import Catalogue, Group, Kind

CATALOGUE = Catalogue(Group.INVERTER)

_FIND_IT = "`hems discover` finds inverters on this network; the address is also in the router's list of devices"
_FIXED = "Give the inverter a fixed address in the router (a DHCP reservation), so that it stays where it is"
_WAKE = "Wait for daylight: some inverters and their modules sleep without sun"
_RESTART_DONGLE = "Restart the inverter's Wi-Fi or LAN module: pull it, wait ten seconds, plug it in"
_ONE_CLIENT = "Stop other programs that talk to it (Home Assistant, a second coordinator): it serves one at a time"
_OTHER_PORT = "Try the other protocol: inverter.port 8899 is UDP, 502 Modbus/TCP"
_SIGNAL = "Improve the Wi-Fi at the inverter, or use its LAN module"
_MODULE_FIRMWARE = "Have the module's firmware updated (the vendor's app or the installer can)"
_ENABLE = "Newer modules have Modbus switched off: switch it on in the vendor's app (SolarGo)"

ANSWERS = CATALOGUE.fine(Symptom.ANSWERS, "Inverter answers")
READS = CATALOGUE.fine("inverter_reads", "Inverter can be read")
REPORTED = CATALOGUE.fine("inverter_reported", "Inverter answers the service")

KIND_OF_SYMPTOM: Mapping[Symptom, Kind] = {
    Symptom.ANSWERS: ANSWERS,
    Symptom.NAME_UNKNOWN: CATALOGUE.problem(
        Symptom.NAME_UNKNOWN,
        "Name not known",
        "inverter.ip_address is a name that this network does not know",
        "Check the spelling, or put the inverter's number address there",
        _FIND_IT,
    ),
    Symptom.NAME_SLOW: CATALOGUE.problem(
        Symptom.NAME_SLOW,
        "Name server silent",
        "the inverter's name could not be looked up in time",
        "Put the inverter's number address into inverter.ip_address: then no name server is needed",
        "Check the name server of this machine (/etc/resolv.conf) and the router",
    ),
    Symptom.UNREACHABLE: CATALOGUE.problem(
        Symptom.UNREACHABLE,
        "Host unreachable",
        "nothing at all answers at this address",
        "Check inverter.ip_address: it may have changed since",
        _FIND_IT,
        "Check that this machine is in the same network as the inverter (no guest Wi-Fi, no other VLAN)",
        _WAKE,
        _RESTART_DONGLE,
        _FIXED,
    ),
    Symptom.REFUSED: CATALOGUE.problem(
        Symptom.REFUSED,
        "Connection refused",
        "a device is there and says that nothing listens at this port",
        _OTHER_PORT,
        "Check that this address is the inverter's and not another device's",
        _FIND_IT,
        _ENABLE,
    ),
    Symptom.SILENT: CATALOGUE.problem(
        Symptom.SILENT,
        "Port silent",
        "a device is there, but no inverter answers at this port",
        _ONE_CLIENT,
        _WAKE,
        _OTHER_PORT,
        _RESTART_DONGLE,
        "Check that this address is the inverter's and not another device's",
    ),
    Symptom.DONGLE_ONLY: CATALOGUE.problem(
        Symptom.DONGLE_ONLY,
        "Module answers, inverter does not",
        "the communication module is alive, but does not pass questions on to the inverter",
        _WAKE,
        _ONE_CLIENT,
        _ENABLE,
        _RESTART_DONGLE,
    ),
    Symptom.PORT_OPENED: CATALOGUE.problem(
        Symptom.PORT_OPENED,
        "Port opens only after a call",
        "this module keeps port 8899 closed until it is called on port 48899, as the vendor's app does",
        "It is open now, for a while: start the service, whose polls keep it open",
        _MODULE_FIRMWARE,
        "Where the module offers Modbus/TCP, use it: inverter.port 502",
    ),
    Symptom.OTHER_PORT: CATALOGUE.problem(
        Symptom.OTHER_PORT,
        "Other port",
        "the inverter answers at this address, but at the other port",
    ),
    Symptom.NOT_GOODWE: CATALOGUE.problem(
        Symptom.NOT_GOODWE,
        "Not a GoodWe inverter",
        "a device answers, but not as a GoodWe inverter does",
        "Check inverter.ip_address: another device has this address",
        _FIND_IT,
        _FIXED,
    ),
    Symptom.WRONG_FAMILY: CATALOGUE.problem(
        Symptom.WRONG_FAMILY,
        "Wrong family",
        "an inverter of another family than inverter.family answers",
        "Where two inverters are in the house: check which one has this address (`hems discover`)",
    ),
    Symptom.OTHER_CLIENT: CATALOGUE.problem(
        Symptom.OTHER_CLIENT,
        "Busy with another client",
        "another program talks to the inverter at the same time: answers go to the wrong one, or get lost",
        _ONE_CLIENT,
        "Let the other program take its figures from the coordinator's status instead",
        "The vendor's app on a phone in the same Wi-Fi is such a program while it is open",
    ),
    Symptom.CUT: CATALOGUE.problem(
        Symptom.CUT,
        "Answers cut off",
        "the communication module loses the end of answers, mostly of long ones",
        "Use Modbus/TCP where the module offers it (inverter.port 502): a stream is not cut",
        _MODULE_FIRMWARE,
        _RESTART_DONGLE,
        "Use another module (LAN instead of Wi-Fi): the coordinator needs the long answers, 125 registers at once",
    ),
    Symptom.DAMAGED: CATALOGUE.warning(
        Symptom.DAMAGED,
        "Answers damaged",
        "answers arrive whole, but with a wrong checksum; they are asked for again",
        _RESTART_DONGLE,
        _MODULE_FIRMWARE,
        "Check the cable between module and inverter",
    ),
    Symptom.LATE: CATALOGUE.warning(
        Symptom.LATE,
        "Answers late",
        "answers come after the service has stopped waiting for them, and count as lost",
        "Raise inverter.request_timeout_seconds above the time that is named",
        _SIGNAL,
        _ONE_CLIENT,
    ),
    Symptom.LOST: CATALOGUE.warning(
        Symptom.LOST,
        "Answers lost",
        "many questions are not answered; they are repeated, but readings will be missing",
        _SIGNAL,
        _ONE_CLIENT,
        "Raise inverter.frame_gap_milliseconds, to 200 for instance: some modules need more rest",
    ),
    Symptom.DECLINES: CATALOGUE.problem(
        Symptom.DECLINES,
        "Inverter declines",
        "the inverter answers every question with a Modbus refusal",
        "Restart the inverter's communication module, then the inverter itself",
        "`device busy` or `device failure` right after a firmware update or a start passes within minutes",
    ),
}

BROKE_OFF = CATALOGUE.problem(
    "inverter_broke_off",
    "Inverter fell silent",
    "it answered, and then not all that the service needs",
    _ONE_CLIENT,
    _SIGNAL,
    _RESTART_DONGLE,
)
CONTROL_MISSING = CATALOGUE.problem(
    "inverter_control_missing",
    "Firmware without the wanted control",
    "inverter.control names a way of control that this firmware does not have",
    "For more, have the inverter's firmware updated by the installer",
)
CLOCK_OFF = CATALOGUE.warning(
    "inverter_clock_off",
    "Inverter's clock off",
    "the inverter's own clock differs from this machine's; its own schedules run at other times than they say",
    "Set it in the vendor's app (connecting usually does), and check this machine's clock below",
)
CLOCK_OFF_IN_CONTROL = CATALOGUE.problem(
    "inverter_clock_off_eco_slots",
    "Inverter's clock off, and it controls",
    "this inverter is controlled by eco slots, which begin and end by its own clock",
    "Set the inverter's clock in the vendor's app (connecting usually does), and check this machine's clock below",
)
NOT_SELF_USE = CATALOGUE.warning(
    "inverter_not_in_self_use",
    "Inverter not in self-use",
    "the inverter is in another mode than self-use, and no service runs that would end it",
    "If nobody wants it: `hems restore` puts the inverter back to self-use",
    "Schedules of the vendor's app show like this too",
)
REPORTS_FAULT = CATALOGUE.problem(
    "inverter_reports_fault",
    "Inverter reports a fault",
    "the inverter itself says that something is wrong with it or its connections",
    "Look at its display or the vendor's app for the fault's name; call the installer if it stays",
)
METER_LOST = CATALOGUE.warning(
    "inverter_meter_lost",
    "Smart meter lost",
    "without its meter the inverter does not know what the house draws: self-use does not work properly",
    "Check the cable between inverter and smart meter, and the meter's supply",
)
BATTERY_UNKNOWN = CATALOGUE.warning(
    "inverter_battery_unknown",
    "Battery tells nothing",
    "the inverter does not hear its battery: nothing is forced until it does",
    "Check that the battery is switched on and its communication cable is plugged in",
)
BATTERY_WRONG = CATALOGUE.problem(
    "inverter_battery_window_wrong",
    "Configured battery is another",
    "the configured battery cannot be the one that is connected; the service refuses to work with it",
    "Set battery_management.profile to auto, or to the profile that fits (docs/configuration.md)",
)
SIMULATED = CATALOGUE.unknown(
    "inverter_simulated",
    "Built-in simulator configured",
    "no real inverter is configured: the service would control a simulated one",
    "Put the inverter's address into inverter.ip_address; `hems discover` finds it",
)
NO_CONFIGURATION = CATALOGUE.unknown(
    "inverter_not_named",
    "Inverter not checked",
    "without a usable configuration nobody knows where the inverter is",
    "Correct the configuration, or name the inverter: python3 test/inverter_test.py --host ADDRESS",
)
NO_RECORD = CATALOGUE.unknown(
    "inverter_no_record",
    "Inverter not checked",
    "the service runs, so the inverter was left to it; but its record could not be read",
    "Try as root or as the service's user; `hems doctor --inverter` asks the inverter itself",
)
REPORTED_LOST = CATALOGUE.problem(
    "inverter_lost_by_service",
    "Service has no connection",
    "the running service asks the inverter and gets no answer",
    "`hems doctor --inverter` asks it directly and says why",
    _FIND_IT,
    _RESTART_DONGLE,
)
OFTEN_LOST = CATALOGUE.warning(
    "inverter_often_lost",
    "Polls often lost",
    "a good part of the service's polls is not answered",
    _SIGNAL,
    _ONE_CLIENT,
    "`hems doctor --inverter` looks at what happens to the answers",
)
GRAVE_CAUSES = CATALOGUE.problem(
    "inverter_safety_stop",
    "Safety stop in force",
    "a safety rule holds the coordinator back; docs/safety.md says when it lets go",
    "Remove the cause that is named; a stop lets go by itself some minutes after",
)
