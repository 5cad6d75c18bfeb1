"""Ana has an e-mail address."""

import pytest


@pytest.fixture
def ana(cast):
    cast.ana.email = "ana@example.com"
    cast.ana.save()
    return cast.ana
