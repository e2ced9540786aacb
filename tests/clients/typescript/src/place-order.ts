// Sets a server up, logs in, creates a product and orders it: node dist/place-order.js URL SETUP_TOKEN

import createClient, { type Middleware } from "openapi-fetch";
import type { components, paths } from "./schema.js";

const [url, setupToken] = process.argv.slice(2);
if (!url || !setupToken) {
  throw new Error("usage: place-order URL SETUP_TOKEN");
}

type Problem = components["schemas"]["Problem"];

/** The data of an answer, or its problem as an error. */
function expect<T>({ data, error }: { data?: T; error?: Problem }): T {
  if (error) {
    throw new Error(`${error.status} ${error.code}: ${error.detail ?? error.title} (request ${error.request_id})`);
  }
  return data as T;
}

const client = createClient<paths>({ baseUrl: url });
const credentials = { email: "grace@example.com", password: "bees build hexagons" };

expect(await client.POST("/api/v1/setup", { body: { token: setupToken, display_name: "Grace", ...credentials } }));
const session = expect(await client.POST("/api/v1/auth/login", { body: credentials }));
if (!("access_token" in session)) {
  throw new Error("a session with a cookie was not asked for");
}
const { access_token } = session;

const authorize: Middleware = {
  onRequest({ request }) {
    request.headers.set("Authorization", `Bearer ${access_token}`);
    return request;
  },
};
client.use(authorize);

const product = expect(
  await client.POST("/api/v1/products", {
    body: { sku: "HONEY-500", name: "Linden honey", price: { amount: 1999, currency: "EUR" }, stock: 10 },
  }),
);

const placed = expect(
  await client.POST("/api/v1/orders", {
    params: { header: { "Idempotency-Key": "my-first-order" } },
    body: { lines: [{ product_id: product.id, quantity: 2 }] },
  }),
);

const order = expect(await client.GET("/api/v1/orders/{id}", { params: { path: { id: placed.id } } }));
console.log(`order ${order.number} over ${(order.total.amount / 100).toFixed(2)} ${order.total.currency}: ${order.status}`);

const refused = await client.POST("/api/v1/orders", { body: { lines: [{ product_id: product.id, quantity: 100 }] } });
console.log(`refused: ${refused.error?.code} at ${refused.error?.errors?.[0]?.pointer}`);
