import com.rabbitmq.client.AMQP;
import com.rabbitmq.client.AlreadyClosedException;
import com.rabbitmq.client.Channel;
import com.rabbitmq.client.Connection;
import com.rabbitmq.client.ConnectionFactory;
import com.rabbitmq.client.DefaultConsumer;
import com.rabbitmq.client.Envelope;
import com.rabbitmq.client.ShutdownSignalException;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Date;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeoutException;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Submits jobs and awaits their results, with amqp-client: see ../python/claims.py for what makes it safe.
 *
 * <p>usage: java -cp rabbitmq-client.jar:slf4j-api.jar Claims.java BROKER_URL JOBS_QUEUE REPLY_QUEUE &lt; jobs.jsonl
 *
 * <p>It reads three fields with patterns, so that it needs no library; use your own JSON library, and keep money as
 * text or BigDecimal.
 */
public class Claims {
    private final String jobsQueue;
    private final String replyQueue;
    /** Keep it with the claim: it is part of what makes a message the same when it is sent again. */
    private final Date submittedAt = new Date();
    private final Map<String, String> waiting = new LinkedHashMap<>();
    private final Set<String> seen = new HashSet<>();

    Claims(String jobsQueue, String replyQueue) {
        this.jobsQueue = jobsQueue;
        this.replyQueue = replyQueue;
    }

    public static void main(String[] arguments) throws Exception {
        ConnectionFactory factory = new ConnectionFactory();
        factory.setUri(arguments[0]);
        // A message that was lost with its connection has to be sent again, which only we know.
        factory.setAutomaticRecoveryEnabled(false);
        Claims claims = new Claims(arguments[1], arguments[2]);
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            if (!line.isBlank()) {
                claims.waiting.put(text(line, "job_id"), line);
            }
        }
        while (!claims.isDone()) {
            try {
                claims.oneConnection(factory);
            } catch (IOException | TimeoutException | ShutdownSignalException error) {
                System.err.println("connection lost, trying again: " + error);
                Thread.sleep(1000);
            }
        }
    }

    private void oneConnection(ConnectionFactory factory) throws IOException, TimeoutException, InterruptedException {
        try (Connection connection = factory.newConnection()) {
            CountDownLatch over = new CountDownLatch(1);
            connection.addShutdownListener(cause -> over.countDown());
            Channel channel = connection.createChannel();
            channel.confirmSelect();
            channel.addReturnListener((code, text, exchange, key, properties, body) -> {
                System.err.println("no queue " + key + ": " + text);
                System.exit(1);
            });
            channel.queueDeclare(replyQueue, true, false, false, Map.of("x-queue-type", "quorum"));
            for (String job : open()) {
                submit(channel, job);
            }
            channel.basicQos(50);
            channel.basicConsume(replyQueue, false, new DefaultConsumer(channel) {
                @Override
                public void handleDelivery(
                        String tag, Envelope envelope, AMQP.BasicProperties properties, byte[] body) throws IOException {
                    take(properties, new String(body, StandardCharsets.UTF_8));
                    channel.basicAck(envelope.getDeliveryTag(), false);
                    if (isDone()) {
                        over.countDown();
                    }
                }
            });
            over.await();
        } catch (AlreadyClosedException error) {
            // It was lost, and could not be closed any more.
            throw new IOException(error);
        }
    }

    private void submit(Channel channel, String job) throws IOException, TimeoutException, InterruptedException {
        String id = text(job, "job_id");
        AMQP.BasicProperties properties = new AMQP.BasicProperties.Builder()
                .contentType("application/json")
                .deliveryMode(2)
                .replyTo(replyQueue)
                .messageId(id)
                .correlationId(id)
                .timestamp(submittedAt)
                .build();
        channel.basicPublish("", jobsQueue, true, properties, job.getBytes(StandardCharsets.UTF_8));
        if (!channel.waitForConfirms(30_000)) {
            throw new IOException("the queue is full");
        }
    }

    private synchronized void take(AMQP.BasicProperties properties, String body) {
        if (!"invoice.result".equals(properties.getType()) || !seen.add(properties.getMessageId())) {
            return;
        }
        // In a pipeline: one transaction with the row that the result belongs in. See ../sql/results.sql.
        if (waiting.remove(properties.getCorrelationId()) != null) {
            String error = body.contains("\"error\":{") ? body.substring(body.indexOf("\"error\":{")) : "";
            System.out.println(String.join(
                    " ", text(body, "job_id"), text(body, "status"), text(body, "verdict"), text(error, "code")));
        }
    }

    private synchronized boolean isDone() {
        return waiting.isEmpty();
    }

    private synchronized ArrayList<String> open() {
        return new ArrayList<>(waiting.values());
    }

    /** The first field of this name that is text; "None" where there is none. */
    private static String text(String json, String name) {
        Matcher found = Pattern.compile("\"" + name + "\"\\s*:\\s*\"([^\"]*)\"").matcher(json);
        return found.find() ? found.group(1) : "None";
    }
}
