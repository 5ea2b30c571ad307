package org.elasticsearch.node; // package-private NodeConstruction/NodeServiceProvider are needed

import org.elasticsearch.cluster.ClusterState;
import org.elasticsearch.cluster.routing.IndexRoutingTable;
import org.elasticsearch.cluster.service.ClusterService;
import org.elasticsearch.common.logging.LogConfigurator;
import org.elasticsearch.common.settings.KeyStoreWrapper;
import org.elasticsearch.common.settings.Settings;
import org.elasticsearch.env.Environment;
import org.elasticsearch.gateway.GatewayService;
import org.elasticsearch.plugins.ClasspathPlugins;
import org.elasticsearch.plugins.PluginsLoader;
import org.elasticsearch.plugins.PluginsService;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CountDownLatch;

/** A real Elasticsearch node in this JVM, its plugins taken from the class path. args: home httpHost httpPort plugin-class... -Esetting=value... */
public final class RigElasticsearch {

    public static void main(String[] a) throws Exception {
        Path home = Path.of(a[0]).toAbsolutePath();
        Files.createDirectories(home.resolve("config"));
        Files.createDirectories(home.resolve("modules"));
        Files.createDirectories(home.resolve("plugins"));
        LogConfigurator.configureESLogging();
        LogConfigurator.setNodeName("rig");
        Settings.Builder b = Settings.builder()
            .put("path.home", home.toString())
            .put("cluster.name", "rig").put("node.name", "rig")
            .put("network.host", "127.0.0.1") // the transport stays on loopback: anywhere else it is "production", with checks
            .put("http.host", a[1]).put("http.port", a[2])
            .put("discovery.type", "single-node")
            .put("node.processors", 2)
            .put("cluster.routing.allocation.disk.threshold_enabled", false)
            .put("action.destructive_requires_name", false);
        List<String> plugins = new ArrayList<>();
        for (int i = 3; i < a.length; i++) {
            if (a[i].startsWith("-E")) {
                int eq = a[i].indexOf('=');
                b.put(a[i].substring(2, eq), a[i].substring(eq + 1));
            } else plugins.add(a[i]);
        }
        String password = System.getenv("ELASTIC_PASSWORD"); // of the user elastic, where xpack.security.enabled=true
        if (password != null) {
            KeyStoreWrapper secrets = KeyStoreWrapper.create();
            secrets.setString("bootstrap.password", password.toCharArray());
            b.setSecureSettings(secrets);
        }
        Settings s = b.build();
        Environment env = new Environment(s, home.resolve("config"));
        PluginsLoader loader = PluginsLoader.createPluginsLoader(Set.of(), Set.of(), Map.of(), false);
        Node node = new Node(NodeConstruction.prepareConstruction(env, loader, new NodeServiceProvider() {
            @Override
            PluginsService newPluginService(Environment e, PluginsLoader l) {
                return new ClasspathPlugins(e, l, plugins);
            }
        }, true));
        CountDownLatch done = new CountDownLatch(1);
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            try { node.close(); } catch (Exception e) { e.printStackTrace(); } finally { done.countDown(); }
        }));
        node.start();
        boolean security = s.getAsBoolean("xpack.security.enabled", false);
        ClusterService cluster = node.injector().getInstance(ClusterService.class);
        for (int i = 0; i < 600 && ready(cluster.state(), security) == false; i++) Thread.sleep(100);
        System.out.println("READY http://" + a[1] + ":" + a[2]);
        done.await();
    }

    /** State recovered and every primary shard started; with security on, its own index too (before that every login is refused). */
    private static boolean ready(ClusterState state, boolean security) {
        if (state.blocks().hasGlobalBlock(GatewayService.STATE_NOT_RECOVERED_BLOCK)) return false;
        if (security && state.routingTable().hasIndex(".security-7") == false) return false;
        for (IndexRoutingTable t : state.routingTable()) {
            if (t.allPrimaryShardsActive() == false) return false;
        }
        return true;
    }
}
