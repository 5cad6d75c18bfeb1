-- What the shop did not earn because something was sold out: lines struck out, and whole orders lost for it
-- (cancelled as sold out, rejected as sold out, card keys that ran short). Minor units.
-- Asks: events, $start, $end. Gives: lines, lines_minor, orders, orders_minor, lost_minor.
SELECT count(*) FILTER (type = 'line.struck_out') AS lines,
       CAST(coalesce(sum(lost_minor) FILTER (type = 'line.struck_out'), 0) AS BIGINT) AS lines_minor,
       count(*) FILTER (type = 'order.cancelled') AS orders,
       CAST(coalesce(sum(lost_minor) FILTER (type = 'order.cancelled'), 0) AS BIGINT) AS orders_minor,
       CAST(coalesce(sum(lost_minor), 0) AS BIGINT) AS lost_minor
  FROM events
 WHERE happened_at >= $start AND happened_at < $end AND lost_minor IS NOT NULL
