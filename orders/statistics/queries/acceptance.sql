-- How long people took to accept: from the moment an order came to the shop. Accepted by itself is not counted.
-- Asks: events, $start, $end. Gives: orders, median_ms, p90_ms (NULL when there is none).
SELECT count(accepted_in_ms) AS orders,
       CAST(quantile_cont(accepted_in_ms, 0.5) AS BIGINT) AS median_ms,
       CAST(quantile_cont(accepted_in_ms, 0.9) AS BIGINT) AS p90_ms
  FROM events
 WHERE happened_at >= $start AND happened_at < $end
