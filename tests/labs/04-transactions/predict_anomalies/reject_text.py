# rejected -- "must be a grid"
predict_anomalies = "READ COMMITTED prevents dirty reads, SERIALIZABLE prevents everything"
