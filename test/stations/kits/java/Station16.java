import eu.chargetime.ocpp.ClientEvents;
import eu.chargetime.ocpp.JSONClient;
import eu.chargetime.ocpp.JSONConfiguration;
import eu.chargetime.ocpp.feature.profile.*;
import eu.chargetime.ocpp.feature.profile.securityext.*;
import eu.chargetime.ocpp.model.Confirmation;
import eu.chargetime.ocpp.model.Request;
import eu.chargetime.ocpp.model.core.*;
import eu.chargetime.ocpp.model.firmware.*;
import eu.chargetime.ocpp.model.securityext.types.*;
import java.lang.reflect.Constructor;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.time.ZonedDateTime;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

/**
 * A 1.6 station on Java-OCA-OCPP: sends every request that the kit has, charges when told to, agrees to every command, and
 * says what happens as JSON lines on standard output.
 *
 * <p>Usage: Station16 URL IDENTITY PASSWORD
 */
public final class Station16 {
  private static final int METER_START = 1000;
  private static final int METER_MIDDLE = 3500;
  private static final int METER_STOP = 7250;
  private static final String TOKEN = "KIT-TAG";

  private final ClientCoreProfile core = new ClientCoreProfile(handler(ClientCoreEventHandler.class));
  private final ClientFirmwareManagementProfile firmware =
      new ClientFirmwareManagementProfile(handler(ClientFirmwareManagementEventHandler.class));
  private final ClientSecurityExtProfile security =
      new ClientSecurityExtProfile(handler(ClientSecurityExtEventHandler.class));
  private final JSONClient client;
  private int transactionId;

  private Station16(String identity, String password) {
    JSONConfiguration configuration =
        JSONConfiguration.get()
            .setParameter(JSONConfiguration.USERNAME_PARAMETER, identity)
            .setParameter(JSONConfiguration.PASSWORD_PARAMETER, password);
    client = new JSONClient(core, identity, configuration);
    client.addFeatureProfile(firmware);
    client.addFeatureProfile(security);
    client.addFeatureProfile(new ClientLocalAuthListProfile(handler(ClientLocalAuthListEventHandler.class)));
    client.addFeatureProfile(new ClientRemoteTriggerProfile(handler(ClientRemoteTriggerEventHandler.class)));
    client.addFeatureProfile(new ClientReservationProfile(handler(ClientReservationEventHandler.class)));
    client.addFeatureProfile(new ClientSmartChargingProfile(handler(ClientSmartChargingEventHandler.class)));
  }

  public static void main(String[] args) throws Exception {
    Station16 station = new Station16(args[1], args[2]);
    station.connect(args[0]);
    station.sendAll();
    Thread.currentThread().join();
  }

  private void connect(String url) throws Exception {
    CompletableFuture<Void> open = new CompletableFuture<>();
    client.connect(
        url,
        new ClientEvents() {
          @Override
          public void connectionOpened() {
            open.complete(null);
          }

          @Override
          public void connectionClosed() {
            say("closed", "");
          }
        });
    open.get(10, TimeUnit.SECONDS);
  }

  /** What a session does not send comes here; the kit refuses an answer that breaks its model. */
  private void sendAll() throws Exception {
    BootNotificationConfirmation boot =
        (BootNotificationConfirmation) send(core.createBootNotificationRequest("ChargeTime", "Kit"));
    AuthorizeConfirmation token = (AuthorizeConfirmation) send(core.createAuthorizeRequest(TOKEN));
    List<Request> others =
        List.of(
            core.createStatusNotificationRequest(1, ChargePointErrorCode.NoError, ChargePointStatus.Available),
            core.createHeartbeatRequest(),
            core.createDataTransferRequest("ChargeTime"),
            firmware.createDiagnosticsStatusNotificationRequest(DiagnosticsStatus.Idle),
            firmware.createFirmwareStatusNotificationRequest(FirmwareStatus.Idle),
            security.createLogStatusNotificationRequest(UploadLogStatusEnumType.Idle),
            security.createSecurityEventNotificationRequest("StartupOfTheDevice", ZonedDateTime.now()),
            security.createSignCertificateRequest("no request, but text"),
            security.createSignedFirmwareStatusNotificationRequest(FirmwareStatusEnumType.Idle));
    for (Request request : others) send(request);
    say("ready", String.format(",\"boot\":\"%s\",\"token\":\"%s\"", boot.getStatus(), token.getIdTagInfo().getStatus()));
  }

  private void begin() throws Exception {
    Request start = core.createStartTransactionRequest(1, TOKEN, METER_START, ZonedDateTime.now());
    transactionId = ((StartTransactionConfirmation) send(start)).getTransactionId();
    SampledValue sampled = new SampledValue(String.valueOf(METER_MIDDLE));
    sampled.setMeasurand("Energy.Active.Import.Register");
    sampled.setUnit("Wh");
    MeterValuesRequest values = core.createMeterValuesRequest(1, ZonedDateTime.now(), sampled);
    values.setTransactionId(transactionId);
    send(values);
    say("charging", "");
  }

  private void end() throws Exception {
    StopTransactionRequest stop = core.createStopTransactionRequest(METER_STOP, ZonedDateTime.now(), transactionId);
    stop.setReason(Reason.Remote);
    send(stop);
    say("stopped", "");
  }

  private Confirmation send(Request request) throws Exception {
    Confirmation answer = client.send(request).toCompletableFuture().get(10, TimeUnit.SECONDS);
    say("called", String.format(",\"action\":\"%s\"", actionOf(request)));
    return answer;
  }

  /** The kit has an interface for each profile, with a method for each command: all of them agree. */
  private <T> T handler(Class<T> commands) {
    Object proxy =
        Proxy.newProxyInstance(
            commands.getClassLoader(),
            new Class<?>[] {commands},
            (self, method, args) -> {
              say("answered", String.format(",\"action\":\"%s\"", actionOf((Request) args[0])));
              if (args[0] instanceof RemoteStartTransactionRequest) afterwards(this::begin);
              if (args[0] instanceof RemoteStopTransactionRequest) afterwards(this::end);
              return agreeing(method.getReturnType());
            });
    return commands.cast(proxy);
  }

  private interface Work {
    void run() throws Exception;
  }

  /** Once the answer to the command has left. */
  private static void afterwards(Work work) {
    CompletableFuture.runAsync(
        () -> {
          try {
            work.run();
          } catch (Exception error) {
            error.printStackTrace();
          }
        },
        CompletableFuture.delayedExecutor(50, TimeUnit.MILLISECONDS));
  }

  private static Object agreeing(Class<?> confirmation) throws Exception {
    Constructor<?> shortest =
        Arrays.stream(confirmation.getConstructors())
            .min(Comparator.comparingInt(Constructor::getParameterCount))
            .orElseThrow();
    Object made = shortest.newInstance(Arrays.stream(shortest.getParameterTypes()).map(Station16::value).toArray());
    for (Method method : confirmation.getMethods()) {
      boolean isWanted = List.of("setStatus", "setListVersion", "setFileName").contains(method.getName());
      if (isWanted) method.invoke(made, value(method.getParameterTypes()[0]));
    }
    return made;
  }

  private static Object value(Class<?> type) {
    if (type == Integer.class) return 1;
    if (type == String.class) return "kit";
    Object[] words = type.getEnumConstants();
    return Arrays.stream(words).filter(word -> word.toString().equals("Accepted")).findFirst().orElse(words[0]);
  }

  private static String actionOf(Request request) {
    return request.getClass().getSimpleName().replaceFirst("Request$", "");
  }

  private static synchronized void say(String event, String fields) {
    System.out.println("{\"event\":\"" + event + "\"" + fields + "}");
  }
}
