"""Bring the database of the settings to the newest migration: ``python -m kinscape.migrate``."""

from kinscape.backend.settings import StoreSettings, read_settings
from kinscape.migrations.moving import migrate

if __name__ == "__main__":
    migrate(read_settings(StoreSettings).database_url)
