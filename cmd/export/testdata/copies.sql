-- Files that lie in several layers, and what one copy of each would save.
SELECT min(f.path) AS path, f.size, count(DISTINCT f.diff_id) AS layers,
       count(DISTINCT l.image) AS images,
       f.size * (count(DISTINCT f.diff_id) - 1) AS saved
FROM 'fleet.files.parquet' f JOIN 'fleet.layers.parquet' l USING (diff_id)
WHERE f.kind = 'file'
GROUP BY f.digest, f.size HAVING count(DISTINCT f.diff_id) > 1
ORDER BY saved DESC, path LIMIT 10;
