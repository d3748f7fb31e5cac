"""Routes, one file per group, each with an `APIRouter` named `router`; `api.app` collects them."""
