-- The goods sold best: units ordered, less those struck out and those of cancelled orders; their price without
-- delivery and before money given back. Names as they were when last sold.
-- Asks: events, $start, $end, $most. Gives: product_id, en, zh, units, amount_minor; the most units first.
SELECT good.product_id AS product_id,
       arg_max(good.en, position) AS en,
       arg_max(good.zh, position) AS zh,
       CAST(sum(good.units) AS BIGINT) AS units,
       CAST(sum(good.units * good.unit_minor) AS BIGINT) AS amount_minor
  FROM (SELECT position, unnest(goods) AS good FROM events WHERE happened_at >= $start AND happened_at < $end)
 GROUP BY good.product_id HAVING sum(good.units) > 0
 ORDER BY units DESC, amount_minor DESC, product_id LIMIT $most
