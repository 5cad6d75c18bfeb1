-- Why orders that had come to the shop were cancelled; a rejection with its kind.
-- Asks: events, $start, $end. Gives: reason, orders; the most frequent first.
SELECT reason, CAST(sum(cancelled) AS BIGINT) AS orders
  FROM events
 WHERE happened_at >= $start AND happened_at < $end AND cancelled > 0
 GROUP BY reason ORDER BY orders DESC, reason
