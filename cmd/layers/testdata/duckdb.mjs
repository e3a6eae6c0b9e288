// Runs the SQL on its standard input in a DuckDB of its own, in the current directory, and
// writes the rows of the last statement as JSON. Its argument is where npm has put DuckDB.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const { DuckDBInstance } = createRequire(process.argv[2] + '/')('@duckdb/node-api');
const db = await (await DuckDBInstance.create(':memory:')).connect();
const result = await db.runAndReadAll(readFileSync(0, 'utf8'));
process.stdout.write(JSON.stringify(result.getRowObjectsJson()));
