"""Bring the database of the settings to the newest migration: ``python -m kinscape.migrate``."""

from backend.settings import StoreSettings
from migrations.moving import migrate

if __name__ == "__main__":
    migrate(StoreSettings().database_url)
