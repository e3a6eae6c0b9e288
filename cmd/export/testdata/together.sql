-- What the images take alone, and together: each blob once.
SELECT (SELECT sum(content) FROM 'fleet.images.parquet') AS before,
       sum(content) AS after
FROM (SELECT DISTINCT digest, content FROM 'fleet.layers.parquet');
