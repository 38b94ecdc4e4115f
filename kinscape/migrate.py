"""Bring the database of the settings to the newest migration: ``python -m kinscape.migrate``."""

from backend.settings import StoreSettings, read_settings
from migrations.moving import migrate

if __name__ == "__main__":
    migrate(read_settings(StoreSettings).database_url)
