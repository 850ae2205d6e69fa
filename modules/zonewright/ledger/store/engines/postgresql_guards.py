"""What PostgreSQL itself does and refuses in a ledger, whoever writes: its triggers and constraints, as statements.

Constraints hold between different stacks only: within one stack a change swaps and slides on purpose.
"""

SESSION = """
CREATE TEMP TABLE touched (name text, first text, second text, PRIMARY KEY (name, first, second))
ON COMMIT DELETE ROWS
"""
"""What a session of a ledger notes rows in; others have no such table, and note nothing."""
ONE_PLAN = "SET plan_cache_mode = force_generic_plan"
"""Statements of a ledger look rows up by keys, so one plan of each is good for all values. To plan them anew took the
server as long as to carry them out."""

PREPARED = """
CREATE TABLE IF NOT EXISTS turn ();
CREATE TABLE IF NOT EXISTS scope (name text COLLATE "C" PRIMARY KEY);
INSERT INTO scope VALUES ('6 head') ON CONFLICT DO NOTHING;
CREATE UNIQUE INDEX IF NOT EXISTS verdict_once ON verdict (plan, md5(envelope));
"""
"""A table that has nothing in it: who writes has locked it, alone or with others that write elsewhere in the zone. What
these must not do at once they lock by the rows of ``scope``, which say nothing else. No verdict is there twice."""

NOTED = """
CREATE OR REPLACE FUNCTION noted_{name}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF to_regclass('pg_temp.touched') IS NULL THEN
        RETURN NULL;
    END IF;
    IF TG_OP <> 'INSERT' THEN
        INSERT INTO pg_temp.touched SELECT '{name}', {first}, {second} FROM before ON CONFLICT DO NOTHING;
    END IF;
    IF TG_OP <> 'DELETE' THEN
        INSERT INTO pg_temp.touched SELECT '{name}', {first}, {second} FROM after ON CONFLICT DO NOTHING;
    END IF;
    RETURN NULL;
END $$;
CREATE OR REPLACE TRIGGER noted_insert AFTER INSERT ON {name}
    REFERENCING NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION noted_{name}();
CREATE OR REPLACE TRIGGER noted_update AFTER UPDATE ON {name}
    REFERENCING OLD TABLE AS before NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION noted_{name}();
CREATE OR REPLACE TRIGGER noted_delete AFTER DELETE ON {name}
    REFERENCING OLD TABLE AS before FOR EACH STATEMENT EXECUTE FUNCTION noted_{name}();
"""
"""Once for a statement, however many rows it writes."""

_RANDOM = "('x' || substr(md5(gen_random_uuid()::text), 1, 16))::bit(64)::bigint"
_DRAW = f"""
INSERT INTO claim_version (site, number)
    SELECT site, {_RANDOM} FROM (SELECT DISTINCT site FROM {{rows}}) AS sites ORDER BY site
    ON CONFLICT (site) DO UPDATE SET number = excluded.number;
INSERT INTO claim_stack_version (site, stack_id, number)
    SELECT site, stack_id, {_RANDOM} FROM (SELECT DISTINCT site, stack_id FROM {{rows}}) AS stacks
    ORDER BY site, stack_id
    ON CONFLICT (site, stack_id) DO UPDATE SET number = excluded.number;
"""  # noqa: S608 - text of our own
_DRAW_ASSETS = f"""
INSERT INTO asset_version (site, number)
    SELECT site, {_RANDOM} FROM (SELECT DISTINCT site FROM {{rows}}) AS sites ORDER BY site
    ON CONFLICT (site) DO UPDATE SET number = excluded.number;
"""  # noqa: S608 - text of our own
_DRAWN = """
CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        {before}
    ELSIF TG_OP = 'INSERT' THEN
        {after}
    ELSE
        {both}
    END IF;
    RETURN NULL;
END $$;
CREATE OR REPLACE TRIGGER drawn_insert AFTER INSERT ON {table}
    REFERENCING NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION {name}();
CREATE OR REPLACE TRIGGER drawn_update AFTER UPDATE ON {table}
    REFERENCING OLD TABLE AS before NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION {name}();
CREATE OR REPLACE TRIGGER drawn_delete AFTER DELETE ON {table}
    REFERENCING OLD TABLE AS before FOR EACH STATEMENT EXECUTE FUNCTION {name}();
{all}
"""
_BOTH = "(SELECT site, stack_id FROM before UNION SELECT site, stack_id FROM after) AS both_ends"


def _drawn(table: str, name: str, draw: str) -> str:
    """A function and triggers by which numbers are drawn again, and all numbers drawn."""
    given = {"before": "before", "after": "after", "both": _BOTH, "all": table}
    return _DRAWN.format(name=name, table=table, **{key: draw.format(rows=rows) for key, rows in given.items()})


VERSIONS = _drawn("claim", "drawn_again", _DRAW) + _drawn("asset", "assets_drawn_again", _DRAW_ASSETS)
"""What goes from one site or stack to another is a change of both. Rows are locked in one order."""

NAME, NETWORK, UNIT, ADDRESS = "asset_name_owner", "prefix_owner", "claim_unit_owner", "node_address_owner"
HOST = "meter_host_owner"
"""Constraints that refuse what two stacks would have."""
TAKEN = "name-owner"
"""The word with which the trigger on rows in another party's site refuses."""

GUARDS = f"""
CREATE EXTENSION IF NOT EXISTS btree_gist;
ALTER TABLE asset ADD CONSTRAINT {NAME}
    EXCLUDE USING gist (kind WITH =, name WITH =, stack_id WITH <>);
CREATE FUNCTION in_own_site() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM asset WHERE kind = 'site' AND name = NEW.site AND party <> NEW.party) THEN
        RAISE EXCEPTION '{TAKEN}' USING ERRCODE = 'unique_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER in_own_site_insert BEFORE INSERT ON asset
    FOR EACH ROW WHEN (NEW.kind = 'row') EXECUTE FUNCTION in_own_site();
CREATE TRIGGER in_own_site_update BEFORE UPDATE ON asset
    FOR EACH ROW WHEN (NEW.kind = 'row' AND (OLD.kind, OLD.name, OLD.stack_id) <> (NEW.kind, NEW.name, NEW.stack_id))
    EXECUTE FUNCTION in_own_site();
CREATE TYPE addresses AS RANGE (subtype = text, collation = "C");
ALTER TABLE prefix ADD CONSTRAINT {NETWORK}
    EXCLUDE USING gist (version WITH =, addresses(first, last, '[]') WITH &&, stack_id WITH <>);
CREATE FUNCTION units_of(claim jsonb) RETURNS int4range LANGUAGE sql IMMUTABLE AS $$
    SELECT int4range((claim->>'position')::int, (claim->>'position')::int + (claim->'node_type'->>'u_height')::int)
$$;
CREATE FUNCTION faces_of(claim jsonb) RETURNS int4range LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE
        WHEN coalesce((claim->'node_type'->>'is_full_depth')::boolean, true) THEN int4range(0, 2)
        WHEN claim->>'face' = 'rear' THEN int4range(1, 2)
        ELSE int4range(0, 1)
    END
$$;
ALTER TABLE claim ADD CONSTRAINT {UNIT}
    EXCLUDE USING gist (rack WITH =, units_of(data::jsonb) WITH &&, faces_of(data::jsonb) WITH &&, stack_id WITH <>);
"""  # noqa: S608 - text of our own
"""Front and rear are a range of two, so that what takes both faces meets what takes one."""

HOSTS = f"""
CREATE EXTENSION IF NOT EXISTS btree_gist;
ALTER TABLE meter_host ADD CONSTRAINT {HOST} EXCLUDE USING gist (host WITH =, stack_id WITH <>);
"""

ADDRESSES = f"""
DROP TABLE IF EXISTS node_address;
DROP FUNCTION IF EXISTS addresses_held CASCADE;
CREATE TABLE node_address (
    claim_id bigint REFERENCES claim (id) ON DELETE CASCADE, site text, pool text, address text, stack_id text,
    PRIMARY KEY (claim_id, pool),
    CONSTRAINT {ADDRESS} EXCLUDE USING gist (address WITH =, site WITH =, pool WITH =, stack_id WITH <>)
);
CREATE FUNCTION addresses_held() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO node_address SELECT after.id, after.site, one.key, split_part(one.value, '/', 1), after.stack_id
        FROM after, jsonb_each_text(coalesce(after.data::jsonb->'addresses', '{{}}')) AS one;
        RETURN NULL;
    END IF;
    DELETE FROM node_address USING before JOIN after USING (id)
    WHERE claim_id = id AND (before.data, before.site, before.stack_id) <> (after.data, after.site, after.stack_id);
    INSERT INTO node_address SELECT after.id, after.site, one.key, split_part(one.value, '/', 1), after.stack_id
    FROM before JOIN after USING (id), jsonb_each_text(coalesce(after.data::jsonb->'addresses', '{{}}')) AS one
    WHERE (before.data, before.site, before.stack_id) <> (after.data, after.site, after.stack_id);
    RETURN NULL;
END $$;
CREATE TRIGGER addresses_insert AFTER INSERT ON claim
    REFERENCING NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION addresses_held();
CREATE TRIGGER addresses_update AFTER UPDATE ON claim
    REFERENCING OLD TABLE AS before NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION addresses_held();
INSERT INTO node_address SELECT claim.id, claim.site, one.key, split_part(one.value, '/', 1), claim.stack_id
    FROM claim, jsonb_each_text(coalesce(claim.data::jsonb->'addresses', '{{}}')) AS one;
"""  # noqa: S608 - text of our own
"""Which stack has each address of a pool, without the length of its network, filled from what is claimed already."""
ADDRESSES_TWICE = """
SELECT site, pool, address, min(stack_id) AS first, max(stack_id) AS second FROM (
    SELECT site, stack_id, one.key AS pool, split_part(one.value, '/', 1) AS address
    FROM claim, jsonb_each_text(coalesce(data::jsonb->'addresses', '{}')) AS one
) AS held GROUP BY site, pool, address HAVING count(DISTINCT stack_id) > 1 ORDER BY site, pool, address LIMIT 1
"""
"""The first address that two stacks have, which no constraint keeps apart yet."""
