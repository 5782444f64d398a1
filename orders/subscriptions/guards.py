"""What keeps the refill engine from charging at all: the kill switch, and a database that is not ours, from
which no mail is sent either.
"""

import logging
from datetime import datetime

from django.conf import settings
from django.db.models import QuerySet

from orders.models import Deployment

logger = logging.getLogger(__name__)


def may_charge() -> bool:
    """Return whether refills may be charged here and now.

    They may not while REFILLS_ENABLED is off, nor from a database that was restored onto another deployment:
    its customers belong to the deployment whose name it carries.
    """
    if not settings.REFILLS_ENABLED:
        logger.warning("refills are switched off: nothing is planned or charged")
        return False
    owner = other_owners().first()
    if owner is not None:
        logger.error("this database belongs to %s, not to %s", owner, settings.DEPLOYMENT_NAME)
        return False
    return True


def other_owners() -> QuerySet[Deployment]:
    """Return the deployment that this database belongs to, if it is another one. The outbox asks it too."""
    return Deployment.objects.exclude(name=settings.DEPLOYMENT_NAME)


def record_deployment(*, at: datetime) -> None:
    """Write down whose database this is, once; the name is never changed by the shop itself."""
    Deployment.objects.get_or_create(id=1, defaults={"name": settings.DEPLOYMENT_NAME, "recorded_at": at})
