-- At which hour of the day orders come to the shop, over all days asked about.
-- Asks: events, $zone, $start, $end. Gives: hour (0 to 23; hours without an order are absent), orders.
SELECT CAST(extract(hour FROM timezone($zone, happened_at)) AS INTEGER) AS hour, CAST(sum(arrived) AS BIGINT) AS orders
  FROM events
 WHERE happened_at >= $start AND happened_at < $end AND arrived > 0
 GROUP BY hour ORDER BY hour
