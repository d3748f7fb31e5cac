"""The error family of `latency`: one root, so that a front door can turn everything foreseen into one plain line.

LatencyError
├── SettingError       what is to be timed is not fully or not sensibly stated
├── RecordError        a stored measurement cannot be read
├── MeasurementError   a session that cannot give an answer (nothing to time, forwards that fail)
├── DeviceError        the device is missing, cannot run the setting, or is not the one of the records
├── DeviceBusyError    another process measures on the device
└── PredictorError     a latency model that cannot be fitted or asked
"""


class LatencyError(Exception):
    """Root of every error this package raises on purpose."""


class SettingError(LatencyError, ValueError):
    """A field of a setting is out of range; the message names the field."""


class RecordError(LatencyError, ValueError):
    """A stored measurement is malformed; the message names the field."""


class MeasurementError(LatencyError):
    """A session cannot give an answer."""


class DeviceError(LatencyError):
    """A device is missing, cannot run the setting, or differs from the one that made the records."""


class DeviceBusyError(DeviceError):
    """Another process holds the device; the message names the owner."""


class PredictorError(LatencyError, ValueError):
    """A latency model cannot be fitted to, or asked about, what it was given."""
