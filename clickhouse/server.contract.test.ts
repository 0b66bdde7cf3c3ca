import { contractDefaults, describeEngine } from "./engine.contract.ts";
import { connectTo, openTestServer } from "./testing.ts";

describeEngine("server, over the development server", async () => {
  const server = await openTestServer();
  const db = await connectTo(server.url, { readDefaults: contractDefaults, compress: true });
  return {
    ...db,
    async close() {
      await db.close();
      await server.close();
    },
  };
});
