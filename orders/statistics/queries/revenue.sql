-- Money of the shop's orders, day by day: paid, given back, and what is left of it. Minor units.
-- Asks: events, $zone, $start, $end. Gives: day, paid_minor, returned_minor, revenue_minor.
SELECT CAST(timezone($zone, happened_at) AS DATE) AS day,
       CAST(coalesce(sum(paid_minor), 0) AS BIGINT) AS paid_minor,
       CAST(coalesce(sum(returned_minor), 0) AS BIGINT) AS returned_minor,
       CAST(coalesce(sum(paid_minor), 0) - coalesce(sum(returned_minor), 0) AS BIGINT) AS revenue_minor
  FROM events
 WHERE happened_at >= $start AND happened_at < $end AND (paid_minor IS NOT NULL OR returned_minor IS NOT NULL)
 GROUP BY day ORDER BY day
