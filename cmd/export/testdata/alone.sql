-- What goes if one image alone goes: the blobs that no other image has.
SELECT i.names, i.digest, coalesce(sum(b.content), 0) AS freed
FROM 'fleet.images.parquet' i
LEFT JOIN (SELECT any_value(image) AS image, any_value(content) AS content
           FROM 'fleet.layers.parquet'
           GROUP BY digest HAVING count(DISTINCT image) = 1) b ON b.image = i.digest
GROUP BY i.names, i.digest ORDER BY freed DESC, i.digest;
