"""Just enough of Django's managers to run the product's own queries against the paper database."""

from types import SimpleNamespace

from django.db.models import Q

TESTS = {
    "exact": lambda value, wanted: value == wanted,
    "gt": lambda value, wanted: value is not None and value > wanted,
    "gte": lambda value, wanted: value is not None and value >= wanted,
    "lte": lambda value, wanted: value is not None and value <= wanted,
    "in": lambda value, wanted: value in wanted,
    "contains": lambda value, wanted: set(wanted) <= set(value),
}


def holds(condition, row):
    """Whether a row satisfies a lookup such as ("position__gt", 3), or a Q."""
    if isinstance(condition, Q):
        found = [holds(child, row) for child in condition.children]
        return any(found) if condition.connector == Q.OR else all(found)
    name, _, test = condition[0].partition("__")
    return TESTS[test or "exact"](getattr(row, name), condition[1])


class Record(SimpleNamespace):
    """A copy of a row, as Django hands it out; `save` writes it back."""

    def save(self, update_fields):
        session = self.database.statement()
        row, values = self.row, {name: getattr(self, name) for name in update_fields}
        self.database.write(session, lambda: row.__dict__.update(values))


class Query:
    """A queryset: conditions, order, columns; it asks when it is looked at."""

    def __init__(self, database, table, defaults, **asked):
        self._database, self._table, self._defaults = database, table, defaults
        self._asked = {"where": (), "order": (), "columns": None, "first": None, "lock": False, "most": None} | asked

    def _but(self, **changes):
        return Query(self._database, self._table, self._defaults, **self._asked | changes)

    def filter(self, *conditions, **named):
        return self._but(where=(*self._asked["where"], *conditions, *named.items()))

    def order_by(self, *names):
        return self._but(order=names)

    def distinct(self, name=None):
        return self._but(first=name)

    def values_list(self, *columns, flat=False):
        return self._but(columns=columns[0] if flat else columns)

    def select_for_update(self, *, no_key):
        return self._but(lock=True)

    def __getitem__(self, part):
        return self._but(most=part.stop)

    def __iter__(self):
        return iter(self._ask())

    def __bool__(self):
        return bool(self._ask())

    def exists(self):
        return bool(self._ask())

    def first(self):
        return next(iter(self._ask()), None)

    def get(self):
        (row,) = self._ask()
        return row

    def aggregate(self, last):
        name = last.source_expressions[0].name
        values = [getattr(row, name) for row in self._matching(self._database.statement())]
        return {"last": max((value for value in values if value is not None), default=None)}

    def update(self, **values):
        session = self._database.statement()
        rows = self._but(lock=True)._matching(session)
        for row in rows:
            self._database.write(session, lambda row=row: row.__dict__.update(values))
        self._database.unlock(session)
        return len(rows)

    def create(self, **values):
        session = self._database.statement()
        row = SimpleNamespace(**self._defaults | values)
        self._database.write(session, lambda: self._rows.append(row))

    def get_or_create(self, **key):
        found = self.filter(**key).first()
        if found is None:
            self.create(**key)
            return self.filter(**key).first(), True
        return found, False

    @property
    def _rows(self):
        return self._database.tables[self._table]

    def _matching(self, session):
        def all_of():
            return [row for row in self._rows if all(holds(condition, row) for condition in self._asked["where"])]

        if self._asked["lock"]:
            of_names = [condition for condition in self._asked["where"] if condition[0].startswith("name")]
            named = (row for row in self._rows if all(holds(condition, row) for condition in of_names))
            keys = {(self._table, row.name) for row in named}
            for key in keys:
                self._database.lock(session, key)
        return all_of()

    def _ask(self):
        rows = self._matching(self._database.statement())
        for name in reversed(self._asked["order"]):
            rows.sort(key=lambda row: (getattr(row, name) is None, getattr(row, name)))
        if self._asked["first"]:
            rows = list({getattr(row, self._asked["first"]): row for row in reversed(rows)}.values())[::-1]
        rows = rows[: self._asked["most"]]
        columns = self._asked["columns"]
        if columns is None:
            return [Record(database=self._database, row=row, **row.__dict__) for row in rows]
        if isinstance(columns, str):
            return [getattr(row, columns) for row in rows]
        return [tuple(getattr(row, name) for name in columns) for row in rows]


def model(database, table, **defaults):
    """A model class whose `objects` ask the paper database."""
    return SimpleNamespace(objects=Query(database, table, defaults))
