-- Orders that came to the shop, day by day, and those of its orders that were cancelled on that day.
-- Asks: events, $zone, $start, $end. Gives: day, orders, cancelled.
SELECT CAST(timezone($zone, happened_at) AS DATE) AS day,
       CAST(coalesce(sum(arrived), 0) AS BIGINT) AS orders,
       CAST(coalesce(sum(cancelled), 0) AS BIGINT) AS cancelled
  FROM events
 WHERE happened_at >= $start AND happened_at < $end
 GROUP BY day HAVING orders + cancelled > 0 ORDER BY day
