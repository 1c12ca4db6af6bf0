"""What every backend must pass; importable, so that backends elsewhere can be held to it.

`basics.StorageConformance`        behaviour of one open storage
`sharing.SharingConformance`       of two that write the same
`durability.DurabilityConformance` reopening, SIGKILL, damaged bytes
`folders.FolderConformance`        the same in a folder, with torn writes and a full disk
`stateful.model_test`              random calls against plain dictionaries

Subclass the classes in a test module, say how the backend is opened, and run pytest with
`asyncio_mode = auto`. They need pytest, pytest-asyncio and hypothesis, which this module does not import.
"""
